"""Tokens of a text that may be tickers: $TSLA, (NASDAQ: AAPL), NYSE:F, and bare ones such as BRK.B or NVDA. Pure."""

import re
from collections.abc import Iterator
from typing import NamedTuple

EXCHANGES = """
AMEX AMS ASX B3 BIT BME BMV BOM BSE BVMF CPH CVE EPA ETR EURONEXT FRA FWB HEL HKEX HKG HKSE IDX JPX JSE KOSDAQ KRX KSE
LON LSE MCX MIL NASDAQ NASDAQCM NASDAQGM NASDAQGS NEO NSE NYSE NYSEAMERICAN NYSEARCA NZX OSL OTC OTCMKTS OTCQB OTCQX
SEHK SGX SHA SHE SIX SSE STO SWX SZSE TADAWUL TPE TSE TSX TSXV TWSE TYO XETRA
"""
COMMON = """
AGM AI ALL AMC AND ANY API ARE ATM AUD BAN BBC BIG BIT BJP BOND BPO BRL BUY CAD CAN CAP CAR CASH CAT CBI CCI CEO CFO
CHF CNY COO COST CPI CSR CTO CUT DAY DIY DKK DNA DOGE EBIT EBITDA EMI EPS ERP ESG ETF EUR EVS EXIT EYE FAQ FAST FBI
FDA FDI FII FLAT FOR FPI FREE FTA FUN FUND GAP GAS GBP GDP GOLD GOOD GOP GST HAS HIGH HIT HIV HKD HOLD HOME HOPE HUGE
IMF INR IOT IPO IRS ITR JPY JUST KEY KRW KYC LAND LED LIFE LIVE LNG LOAN LOSS LOVE LOW LPG MAIN MAN MAP MAY MBA MEAN
MEET MET MXN NATO NEW NEXT NFO NGO NICE NOK NOT NOW NPA NRI NZD OFF OIL ONE OPEN OTT OUT PAN PAY PLAN PLAY PLN PMI
POST PPP PSU PUMP QIP REAL REIT RIDE ROE RUB RUN SAFE SAVE SEC SEE SEK SELL SGD SIP STAY SUN SUV TAX TDS TEAM TECH THB
THE TOP TRUE TRY TWO UPA USA USD VAT VIP WAR WELL WHO WIN WORK WTO YOU YOY ZAR ZERO
"""
"""Capitals that stand in headlines without meaning a company; only $ or an exchange makes tickers of them."""
NEVER_BARE = frozenset(COMMON.split())
SHOUTED_WORDS, SHOUTED_SHARE = 4, 0.75
LEAST_BARE_CHARS = 3

CLASS = r"[.\-/][A-Z]{1,2}(?!\w)"  # of a share (BRK.B), or the market (0700.HK)
SYMBOL = rf"[A-Z0-9]{{1,10}}(?:{CLASS})?(?![\w&])"
EXCHANGE = rf"(?i:{'|'.join(EXCHANGES.split())})"
TAGGED = re.compile(
    rf"(?<![\w$])\$(?=[A-Z])(?P<cashtag>{SYMBOL})"
    rf"|(?:(?<!\w)(?P<tight>{EXCHANGE}):|[(\[;] ?(?P<loose>{EXCHANGE}) ?: ?)(?P<listed>{SYMBOL})"
)
MAYBE_TAGGED = re.compile(r"[$:(\[;](?:(?<=[$:])[A-Z0-9]|(?<=[(\[;]) ?\w+ ?:)")  # cheap, and in all that is tagged
BARE = re.compile(  # looks back from its first character: a search begins with a set of characters four times as fast
    rf"[A-Z0-9](?<![\w&$][A-Z0-9])(?:[A-Z0-9]{{0,9}}{CLASS}|(?<=[A-Z])[A-Z0-9]{{{LEAST_BARE_CHARS - 1},9}})(?![\w&])"
)
WORD = re.compile(r"[^\W\d_]{2,}")


class Symbol(NamedTuple):
    """A token at [start, end); its `$` or its exchange begins at `tag_start`, which a bare one has not."""

    text: str
    exchange: str
    start: int
    end: int
    tag_start: int | None

    def candidates(self) -> Iterator[str]:
        """What a watchlist may call it, the most exact first: TSX:BBD.B, BBD.B, BBD without its class or market."""
        whole = normalize_ticker(self.text)
        if self.exchange:
            yield f"{self.exchange}:{whole}"
        for key in dict.fromkeys((whole, whole.partition(".")[0])):
            if self.tag_start is not None or may_stand_bare(key):
                yield key


def symbols(text: str) -> Iterator[Symbol]:
    """Tagged tokens, then bare ones; a headline in capitals has no bare ones, for there every word looks like one."""
    if MAYBE_TAGGED.search(text) is not None:
        for match in TAGGED.finditer(text):
            group = "cashtag" if match["cashtag"] else "listed"
            exchange = (match["tight"] or match["loose"] or "").upper()
            yield Symbol(match[group], exchange, *match.span(group), match.start())
    bare = list(BARE.finditer(text))
    if bare and not is_shouted(text):
        for match in bare:
            yield Symbol(match[0], "", *match.span(), None)


def normalize_ticker(symbol: str) -> str:
    """BRK.B for BRK-B and BRK/B."""
    return symbol.replace("-", ".").replace("/", ".")


def may_stand_bare(ticker: str) -> bool:
    """A, IT, ON or CEO are something else far more often."""
    return len(ticker) >= LEAST_BARE_CHARS and not ticker.isdigit() and ticker not in NEVER_BARE


def is_shouted(text: str) -> bool:
    """Whether most words of a text, and not just a ticker or three, are in capitals."""
    words = WORD.findall(text)
    return len(words) >= SHOUTED_WORDS and sum(map(str.isupper, words)) > SHOUTED_SHARE * len(words)
