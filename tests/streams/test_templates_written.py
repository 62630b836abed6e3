"""Every intent has an answer, written so that it may be sent to a customer as it stands."""

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import streams.chat
from streams.chat import template_text
from streams.chat.templates import load_templates

FOLDER = Path(streams.chat.__file__).parent / "templates"
MAX_CHARS = 700
INTENTS = """
Refund_not_showing_up activate_my_card age_limit apple_pay_or_google_pay atm_support automatic_top_up
balance_not_updated_after_bank_transfer balance_not_updated_after_cheque_or_cash_deposit beneficiary_not_allowed
cancel_transfer card_about_to_expire card_acceptance card_arrival card_delivery_estimate card_linking card_not_working
card_payment_fee_charged card_payment_not_recognised card_payment_wrong_exchange_rate card_swallowed
cash_withdrawal_charge cash_withdrawal_not_recognised change_pin compromised_card contactless_not_working
country_support declined_card_payment declined_cash_withdrawal declined_transfer direct_debit_payment_not_recognised
disposable_card_limits edit_personal_details exchange_charge exchange_rate exchange_via_app extra_charge_on_statement
failed_transfer fiat_currency_support get_disposable_virtual_card get_physical_card getting_spare_card
getting_virtual_card lost_or_stolen_card lost_or_stolen_phone order_physical_card passcode_forgotten
pending_card_payment pending_cash_withdrawal pending_top_up pending_transfer pin_blocked receiving_money
request_refund reverted_card_payment? supported_cards_and_currencies terminate_account
top_up_by_bank_transfer_charge top_up_by_card_charge top_up_by_cash_or_cheque top_up_failed top_up_limits
top_up_reverted topping_up_by_card transaction_charged_twice transfer_fee_charged transfer_into_account
transfer_not_received_by_recipient transfer_timing unable_to_verify_identity verify_my_identity
verify_source_of_funds verify_top_up virtual_card_not_working visa_or_mastercard why_verify_identity
wrong_amount_of_cash_received wrong_exchange_rate_for_cash_withdrawal
""".split()  # noqa: SIM905 - 77 quoted lines would say no more

SECRET = re.compile(r"\b(PIN|passcode|password|card numbers?|code|CVV|security number)\b", re.I)
HANDING_OVER = re.compile(
    r"\b(tell|send|share|give|write|reply|message|e-?mail|confirm|provide|need|let us know)\b", re.I
)
FORBIDDING = re.compile(r"\b(never|don't|nobody|no one|not)\b", re.I)


def asks_for_a_secret(text: str) -> bool:
    """Whether some clause names a secret beside a verb of handing over, without forbidding it."""
    return any(
        SECRET.search(clause) and HANDING_OVER.search(clause) and not FORBIDDING.search(clause)
        for clause in re.split(r"(?<=[.?!;:])\s+", text)
    )


def tables() -> list[tuple[str, dict[str, Any]]]:
    files = sorted(path for path in FOLDER.glob("*.toml") if not path.name.startswith("_"))
    return [item for path in files for item in tomllib.loads(path.read_text(encoding="utf-8")).items()]


TEMPLATES = load_templates()
WRITTEN = [template for each in TEMPLATES.answers.values() for template in each.values()]
ANSWERS = [(f"{each.intent}.{each.language}", each.text) for each in WRITTEN]
ANSWERS += [(f"{each.intent}.{each.language}.closing", each.closing) for each in WRITTEN if each.closing]
PHRASES = [(f"{key}.{language}", text) for key, texts in TEMPLATES.phrases.items() for language, text in texts.items()]
TEXTS = [*ANSWERS, *((where, text) for where, text in PHRASES if where.startswith("handover"))]


def test_each_of_the_77_intents_has_exactly_one_answer() -> None:
    assert len(INTENTS) == len(set(INTENTS)) == 77
    assert Counter(intent for intent, _ in tables()) == Counter(INTENTS)


def test_every_fixed_sentence_is_there_in_four_languages() -> None:
    assert TEMPLATES.phrases.keys() == template_text.PHRASES.keys()
    built_in = tomllib.loads(template_text.BUILT_IN.read_text(encoding="utf-8"))
    assert all(texts.keys() == {"en", "de", "fr", "es"} for texts in built_in.values())
    assert not [(where, text) for where, text in PHRASES if text != " ".join(text.split()) or len(text) > MAX_CHARS]


def test_every_intent_has_two_or_three_examples_in_each_language_of_its_answer() -> None:
    for intent, table in tables():
        examples, answer = table["examples"], table["answer"]
        by_language = examples if isinstance(examples, dict) else {"en": examples}
        assert by_language.keys() == (answer.keys() if isinstance(answer, dict) else {"en"}), intent
        assert all(2 <= len(group) <= 3 for group in by_language.values()), intent


def test_no_two_answers_are_alike() -> None:
    assert len({text for _, text in TEXTS}) == len(TEXTS)


@pytest.mark.parametrize(("where", "text"), TEXTS, ids=[where for where, _ in TEXTS])
def test_answer_is_neither_empty_nor_long_nor_ragged(where: str, text: str) -> None:
    assert 40 <= len(text) <= MAX_CHARS
    assert text == " ".join(text.split())


@pytest.mark.parametrize(("where", "text"), ANSWERS, ids=[where for where, _ in ANSWERS])
def test_answer_has_two_to_four_sentences_and_a_follow_up_one(where: str, text: str) -> None:
    sentences = len(re.findall(r"[.?!](?=\s|$)", text))
    assert sentences == 1 if where.endswith("closing") else 2 <= sentences <= 4


@pytest.mark.parametrize(("where", "text"), TEXTS, ids=[where for where, _ in TEXTS])
def test_answer_never_asks_for_a_secret(where: str, text: str) -> None:
    assert not asks_for_a_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "Please reply with your PIN.",
        "Send us your full card number, and we look into it.",
        "To go on we need your passcode.",
        "We never ask for it; just give us the code from the message.",
    ],
)
def test_a_text_that_asks_for_a_secret_would_be_noticed(text: str) -> None:
    assert asks_for_a_secret(text)


@pytest.mark.parametrize(
    "intent",
    ["lost_or_stolen_card", "compromised_card", "card_payment_not_recognised", "cash_withdrawal_not_recognised"],
)
def test_where_money_may_be_lost_the_first_sentence_says_to_freeze_the_card(intent: str) -> None:
    for template in TEMPLATES.answers[intent].values():
        assert re.search(r"\bfreeze\b|\bsperren\b", template.text.split(". ")[0], re.I), template.language
