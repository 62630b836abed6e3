"""The gazetteer finds whom a text names, where it names them, and nobody else."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import streams.sample
from models.errors import InputError
from streams.news.entities import Entity, Gazetteer, load_watchlist
from streams.news.tickers import MAYBE_TAGGED, TAGGED, may_stand_bare
from streams.settings import Settings

SAMPLE = Path(streams.sample.__file__).parent
TRUTH = json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8"))
NEWS = {
    item["id"]: item["text"] for item in map(json.loads, (SAMPLE / "news.jsonl").read_text("utf-8").split("\n")[:-1])
}
ENTITIES = load_watchlist(Settings().watchlist)
OURS = Gazetteer(ENTITIES)
NAMES = st.sampled_from([entity.name for entity in ENTITIES if entity.kind == "company"])
FEW = settings(max_examples=200, deadline=None)


def found(text: str, gazetteer: Gazetteer = OURS) -> list[str]:
    return [mention.entity for mention in gazetteer.find(text)]


def matched(text: str, gazetteer: Gazetteer = OURS) -> list[str]:
    return [text[mention.start : mention.end] for mention in gazetteer.find(text)]


# the sample


@pytest.mark.parametrize("id_", TRUTH["no_entity"])
def test_headlines_about_nobody_name_nobody(id_: str) -> None:
    assert found(NEWS[id_]) == [], NEWS[id_]


@pytest.mark.parametrize("id_", TRUTH["opposite_fates"])
def test_headlines_of_opposite_fates_name_at_least_two(id_: str) -> None:
    assert len(set(found(NEWS[id_]))) >= 2, NEWS[id_]


@pytest.mark.parametrize("surge", [*TRUTH["surges"], TRUTH["good_surge"]], ids=lambda surge: surge["entity"])
def test_every_headline_that_spells_a_surging_entity_names_it(surge: dict[str, str]) -> None:
    entity = surge["entity"]
    spelled = [text for text in NEWS.values() if entity.casefold() in text.casefold()]
    assert len(spelled) >= 14
    assert all(entity in found(text) for text in spelled)


def test_nine_in_ten_other_headlines_of_the_sample_name_somebody() -> None:
    others = [text for id_, text in NEWS.items() if id_ not in TRUTH["no_entity"]]
    assert sum(bool(found(text)) for text in others) > 0.9 * len(others)


# names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Apple's margin, Apple’s buyback", ["Apple", "Apple"]),
        ("a Toyota-backed start-up", ["Toyota"]),
        ("Air France-KLM and Rolls‑Royce", ["Air France-KLM", "Rolls‑Royce"]),
        ("NESTLE, Nestlé and Nestle\u0301 gain", ["NESTLE", "Nestlé", "Nestle\u0301"]),
        ("L’Oréal, L'Oreal up", ["L’Oréal", "L'Oreal"]),
        ("Ørsted or Orsted, Hermès or HERMES", ["Ørsted", "Orsted", "Hermès", "HERMES"]),
        ("Goldman  Sachs,\nMorgan\u00a0Stanley", ["Goldman  Sachs", "Morgan\u00a0Stanley"]),
        ("AT&T, H&M and M&M; no M&A", ["AT&T", "H&M", "M&M"]),
        ("McDonald's and Macy’s", ["McDonald's", "Macy’s"]),
        ("Ｔｏｙｏｔａ、トヨタが", ["Ｔｏｙｏｔａ", "トヨタ"]),
        ("腾讯控股午盘涨", ["腾讯控股"]),
        ("삼성전자는 올랐다", ["삼성전자"]),
    ],
)
def test_names_are_found_however_they_are_written(text: str, names: list[str]) -> None:
    assert matched(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "an apple a day keeps the target in a gap",
        "Applebee's, Metallica and Fordham are others",
        "orange visa holders shell out for a block of meta data",
        "the Fed_up hashtag",
        "Trade gap widens, price target cut, Gap between rich and poor",
        "10 bp at the long end",
        "A headline on IT: all in one, V for C",
        "सेंसेक्सों",
    ],
)
def test_ordinary_words_and_parts_of_words_are_nobody(text: str) -> None:
    assert found(text) == []


def test_the_longest_name_wins() -> None:
    assert found("Hindustan Unilever and Unilever, Siemens Energy and Siemens, Nasdaq 100 and Nasdaq") == [
        "Hindustan Unilever",
        "Unilever",
        "Siemens Energy",
        "Siemens",
        "Nasdaq 100",
        "Nasdaq",
    ]


def test_a_long_name_that_is_cut_off_leaves_the_short_one() -> None:
    gazetteer = Gazetteer([Entity("ford", "Ford"), Entity("ford-motor", "Ford Motor")])
    assert found("Ford Motorway, Ford Motor", gazetteer) == ["ford", "ford-motor"]


def test_exact_names_are_not_found_in_capitals() -> None:
    assert found("GAP WIDENS AS TARGET IS MISSED; WALMART GAINS") == ["Walmart"]
    assert found("Gap gains as Target slips") == ["Gap", "Target"]


def test_small_letters_in_the_list_take_either_and_capitals_demand_one() -> None:
    gazetteer = Gazetteer([Entity("gold", "gold"), Entity("eBay", "eBay"), Entity("exact", "Visa", aliases=("=Visa",))])
    assert matched("Gold GOLD gold, EBAY Ebay eBay ebay, Visa VISA visa", gazetteer) == [
        "Gold", "GOLD", "gold", "EBAY", "eBay", "Visa",
    ]  # fmt: skip


def test_phrases_in_which_a_name_means_something_else_are_nobody() -> None:
    gazetteer = Gazetteer([Entity("nikkei", "Nikkei", excluded=("Nikkei newspaper",))])
    assert found("Nikkei up, the Nikkei newspaper says", gazetteer) == ["nikkei"]


def test_sums_of_money_say_nothing_of_their_currency() -> None:
    assert found("a bond of 20bn yuan, 3 billion yen, 500 euro and CHF 130m") == []
    assert found("yen, yuan and euro slip; 2 banks see rupee at 90") == ["Yen", "Yuan", "Euro", "Indian rupee"]


def test_a_company_called_after_a_ware_is_not_the_ware() -> None:
    assert found("Mills order from Greaves Cotton today") == []
    assert found("Cotton slips, MCX Gold firm, world sugar higher") == ["Cotton", "MCX", "Gold", "Sugar"]
    assert found("Why Gold Is Rising Again") == ["Gold"]


# tickers


@pytest.mark.parametrize(
    ("text", "tickers"),
    [
        ("$TSLA, $F and $BRK.B up, $brk.b not", ["TSLA", "F", "BRK.B"]),
        ("(NASDAQ: AAPL) [NYSE:F] (NYSE: BRK-B)", ["AAPL", "F", "BRK-B"]),
        ("Nasdaq:MSFT or (nasdaq: NVDA)", ["MSFT", "NVDA"]),
        ("NVDA, AAPL.O and 7203.T lead", ["NVDA", "AAPL.O", "7203.T"]),
        ("nvda, NVDAX, XNVDA, R&NVDA and US$F", []),
        ("THE CEO SAID ALL CAN BE LOW NOW, KEY TO IT", []),
        ("ALL-TIME HIGH: LUV IS IN THE AIR TODAY", []),
        ("(NASDAQ: ZZZZ) and (NYSE: ZZ)", []),
        ("BSE, NSE: IT stocks slip", ["BSE", "NSE"]),
        ("A, V, F, C and T are letters, GE and GM names", ["GE", "GM"]),
    ],
)
def test_tickers_count_where_nothing_else_can_be_meant(text: str, tickers: list[str]) -> None:
    assert matched(text) == tickers


def test_an_exchange_tells_equal_tickers_apart() -> None:
    gazetteer = Gazetteer([Entity("at&t", "AT&T Inc", tickers=("T",)), Entity("telus", "Telus", tickers=("TSX:T",))])
    assert found("(NYSE: T) (TSX: T) $T", gazetteer) == ["at&t", "telus", "at&t"]


def test_words_and_short_tickers_never_stand_bare() -> None:
    assert not any(map(may_stand_bare, ["A", "IT", "ON", "GE", "ALL", "CEO", "0700"]))
    assert all(map(may_stand_bare, ["NVDA", "BRK.B", "0700.HK"]))


# any text


PIECES = [
    "NYSE:",
    "nse: ",
    "(LON: ",
    "[ TSX : ",
    "; BSE:",
    "$",
    "TSLA",
    "BRK.B",
    "0700.HK",
    "A",
    "é",
    " ",
    "&",
    "_",
    ")",
]


@FEW
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_whatever_is_tagged_is_looked_for(text: str) -> None:
    assert TAGGED.search(text) is None or MAYBE_TAGGED.search(text) is not None


TEXTS = st.lists(st.text(max_size=12) | NAMES | st.sampled_from(["İ", "ß", "ﬁ", "e\u0301", "\ud800", " ", "$", "-"]))


@FEW
@given(TEXTS.map("".join))
@example("İİ Nestle\u0301\u0301 ßß Apple")
@example("\ud800Apple \udfff Toyota\ufe0f")
def test_mentions_are_in_order_apart_and_inside_any_text(text: str) -> None:
    at = 0
    for mention in OURS.find(text):
        assert at <= mention.start < mention.end <= len(text)
        assert not text[mention.start].isspace() and not text[mention.end - 1].isspace()
        at = mention.end


@FEW
@given(st.text(alphabet="İßﬁéǆ①Ａ\u0301\u200b カガ᾿½", max_size=30), NAMES)
def test_offsets_point_at_the_name_behind_letters_that_change_length(before: str, name: str) -> None:
    text = f"{before} | {name}"
    [*_, last] = OURS.find(text)
    assert text[last.start : last.end] == name


@FEW
@given(
    NAMES, st.sampled_from(["", "“", "(", "x ", "— ", "é, "]), st.sampled_from(["", "'s", "’s", ".", ")", " z", "-led"])
)
def test_a_name_found_alone_is_found_inside_a_text(name: str, before: str, after: str) -> None:
    assert found(name) == found(before + name + after) != []


@FEW
@given(NAMES, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_composed_and_decomposed_names_are_the_same(name: str, form: str) -> None:
    text = unicodedata.normalize(form, name)
    assert matched(text) == [text]


@pytest.mark.parametrize("text", ["A" * 20_000, "Xyz Gold " * 2_200, "$A:" * 6_600, "ﷺ" * 20_000, "yen 1," * 3_300])
def test_the_longest_texts_are_searched_to_their_end(text: str) -> None:
    assert matched(text + " Toyota")[-1:] == ["Toyota"]


def test_a_gazetteer_of_nobody_finds_nobody() -> None:
    assert Gazetteer([]).find("Apple") == []


# the watchlist


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "mine.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_list_of_names_alone_is_a_watchlist(tmp_path: Path) -> None:
    assert load_watchlist(write(tmp_path, "name\nAcme\n\nÉlan\n")) == (Entity("Acme", "Acme"), Entity("Élan", "Élan"))


def test_all_columns_are_read_in_any_order_and_others_are_ignored(tmp_path: Path) -> None:
    header = "\ufeffNot,Tickers,Note,Aliases,Sector,Kind,Name,Entity\n"
    row = 'acme tape,ACM|BRK-B,x,"=Acme, Inc| ACME ",toys,fund,Acme,a\n'
    [entity] = load_watchlist(write(tmp_path, header + row))
    assert entity == Entity("a", "Acme", "fund", "toys", ("=Acme, Inc", "ACME"), ("ACM", "BRK.B"), ("acme tape",))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "mine.csv:1: got the columns none; wanted 'name'"),
        ("entity;name\na;b\n", "separated by commas"),
        ("name,name\na,b\n", "got the column 'name' twice"),
        ("name\n", "got no entities"),
        ("name,kind\nAcme,x\n,company\n", "mine.csv:3: got an empty name"),
        ("name\nAcme,Inc\n", "mine.csv:2: got 2 fields, wanted at most 1"),
        ("name\nAcme\nAcme\n", "mine.csv:3: got the entity 'Acme' that 'Acme' in line 2 has already"),
        ("name,aliases\nAcme,Élan\nOther,elan\n", "mine.csv:3: got the name 'elan' that 'Acme' in line 2 has already"),
        ("name,tickers\nAcme,ACM\nOther,ACM\n", "mine.csv:3: got the ticker 'ACM'"),
        ("name,tickers\nAcme,acm\n", "mine.csv:2: got the ticker 'acm', wanted one such as AAPL"),
        ("name,aliases\nAcme,A\n", "mine.csv:2: got the name 'A', wanted 2 to 120 characters"),
        (f"name\n{'x' * 200}\n", "wanted 2 to 120 characters"),
        ("name,entity\nAcme,topic:Acme\n", "mine.csv:2: got the entity 'topic:Acme', wanted a key that begins"),
        ("name\nstorm: all\n", "mine.csv:2: got the entity 'storm: all'"),
        ('name\n"Acme\n', "got broken CSV"),
        (b"name\nAcme\n\xc9lan\n", "mine.csv:3: got the byte 0xc9, wanted UTF-8"),
        ("name\nAcme\n".encode("utf-16"), "mine.csv:1: got the byte 0xff"),
    ],
)
def test_a_broken_watchlist_is_one_line_that_says_where(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(InputError) as raised:
        load_watchlist(write(tmp_path, content))
    assert says in str(raised.value)
    assert "\n" not in str(raised.value) and "; " in str(raised.value)


def test_a_missing_watchlist_names_the_variable(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError, match="GRETCHEN_WATCHLIST"):
            load_watchlist(path)


def test_our_watchlist_covers_the_world() -> None:
    kinds = {entity.kind for entity in ENTITIES}
    assert len(ENTITIES) >= 250
    assert kinds >= {"company", "index", "currency", "commodity", "central bank", "crypto"}
    assert all(entity.sector for entity in ENTITIES if entity.kind == "company")


def test_every_alias_and_ticker_of_ours_finds_its_own_entity() -> None:
    for entity in ENTITIES:
        cashtags = [f"${ticker}" for ticker in entity.tickers if ticker[0].isalpha()]
        for text in [*(each.removeprefix("=") for each in entity.spellings()), *cashtags]:
            assert set(found(text)) == {entity.entity}, text


def test_fifty_thousand_names_are_a_watchlist(tmp_path: Path) -> None:
    rows = "".join(f"Firm {n:05} Holding,T{n:05}\n" for n in range(50_000))
    gazetteer = Gazetteer(load_watchlist(write(tmp_path, "name,tickers\n" + rows)))
    assert found("Firm 00007 Holding sells to $T49999", gazetteer) == ["Firm 00007 Holding", "Firm 49999 Holding"]
