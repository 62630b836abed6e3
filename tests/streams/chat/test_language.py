"""A customer's language is known from a short question, and kept when a message says too little."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chat import language
from streams.chat.language import LANGUAGES, NAMES, detect

QUESTIONS = {
    "en": """How do I change my PIN? | my card is stuck | top up failed | What's the fee for a transfer abroad?
        | why was I charged twice | exchange rate | refund please | Can my son have an account? | card lost
        | thank you | PIN blocked | Is Deutsche Bank in the news today? | How did Société Générale do?""",
    "de": """Wie ändere ich meine PIN? | Meine Karte wurde gestohlen | Überweisung abgelehnt | PIN ist gesperrt
        | Warum ist die Zahlung noch offen? | Wo ist mein Geld? | Kann ich eine zweite Karte bekommen? | danke
        | Der Automat hat meine Karte eingezogen""",
    "fr": """Comment changer mon code PIN ? | Ma carte a été avalée | Pourquoi mon virement est-il en attente ?
        | Quels sont les frais ? | J'ai perdu mon téléphone | merci | Je voudrais fermer mon compte""",
    "es": """¿Cómo cambio mi PIN? | Mi tarjeta no funciona | ¿Por qué me cobraron dos veces? | tarjeta perdida
        | Quiero cancelar una transferencia | gracias | ¿Cuánto tarda un ingreso?""",
    "it": """Come cambio il mio PIN? | La mia carta non funziona | Perché mi avete addebitato due volte?
        | Vorrei chiudere il conto | grazie""",
    "nl": """Hoe wijzig ik mijn pincode? | kaart kwijt | Mijn kaart werkt niet | Waarom is mijn betaling geweigerd?
        | Ik wil mijn rekening opheffen""",
    "pt": """Como altero o meu PIN? | cartão perdido | O meu cartão não funciona | Por que fui cobrado duas vezes?
        | Quero encerrar a minha conta""",
    "pl": """Jak zmienić PIN? | zgubiłem kartę | Moja karta nie działa | Dlaczego pobrano opłatę dwa razy?
        | Chcę zamknąć konto""",
    "zh": "如何更改密码？ | 卡丢了 | 我的卡不能用 | 为什么扣了两次款？ | 你好",
    "ja": "暗証番号を変更するには？ | カードをなくしました | カードが使えません | 手数料はいくらですか",
}
CASES = [(language, text.strip()) for language, texts in QUESTIONS.items() for text in texts.split("|")]


@pytest.mark.parametrize(("language", "text"), CASES)
def test_a_banking_question_is_known_by_its_language(language: str, text: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize(
    "text", ["", "👍", "???", "12.50", "ok", "[card] [iban]", "Karte verloren", "PIN", "Visa", "Nokia"]
)
@pytest.mark.parametrize("spoken", ["en", "de", "fr"])
def test_what_says_too_little_is_in_the_language_spoken_so_far(text: str, spoken: str) -> None:
    assert detect(text, spoken) == spoken


def test_a_customer_may_change_the_language() -> None:
    assert detect("Sorry, can we go on in English?", "de") == "en"
    assert detect("Können wir auf Deutsch weitermachen?", "en") == "de"


@pytest.mark.parametrize(("language", "text"), [("ru", "Моя карта не работает"), ("ko", "카드를 잃어버렸어요")])
def test_a_language_of_another_script_is_known_by_it(language: str, text: str) -> None:
    assert detect(text) == language


def test_a_foreign_name_in_another_script_does_not_change_the_language() -> None:
    assert detect("Can I pay with 支付宝 when I travel to China?") == "en"


def test_each_language_is_called_by_its_own_name() -> None:
    assert NAMES.keys() == set(LANGUAGES)


@given(st.text(max_size=200))
def test_any_text_has_a_language(text: str) -> None:
    assert len(detect(text)) == 2


def test_the_model_is_loaded_once_whoever_asks_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a worker does: in a thread from its start on, and by the first questions."""
    loads, real = [], language.LanguageIdentifier.from_model_file

    def slowly(*arguments: object, **options: object) -> object:
        loads.append(arguments)
        time.sleep(0.05)
        return real(*arguments, **options)

    monkeypatch.setattr(language.LanguageIdentifier, "from_model_file", slowly)
    language._identifier.cache_clear()
    language.load_soon()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(detect, "Quels sont les frais pour un virement à l'étranger ?") for _ in range(4)]
        assert [each.result() for each in asked] == ["fr"] * 4
    assert len(loads) == 1
