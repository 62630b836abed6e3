"""The language that a customer writes in, two letters. Short texts say little: the language spoken so far holds unless
another is clear."""

import re
import threading
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "zh", "ja")  # told apart by their words
NAMES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "français",
    "es": "español",
    "it": "italiano",
    "nl": "Nederlands",
    "pt": "português",
    "pl": "polski",
    "zh": "中文",
    "ja": "日本語",
}
"""What each is called by those who speak it."""
SCRIPTS = {  # what is written in these needs no model
    "ja": re.compile(r"[\u3041-\u30ff]"),
    "ko": re.compile(r"[\uac00-\ud7a3]"),
    "zh": re.compile(r"[\u4e00-\u9fff]"),
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "el": re.compile(r"[\u0370-\u03ff]"),
    "he": re.compile(r"[\u0590-\u05ff]"),
    "ar": re.compile(r"[\u0600-\u06ff]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
}
EAST = ("ja", "zh", "ko")  # a character is half a word
WORDS = {  # short messages are greetings more often than not
    "en": "hello thanks please the my what how why when is are did do does can i",
    "de": "danke bitte tschüss guten ich meine mein nicht wie warum wo ist kann mit",
    "fr": "bonjour bonsoir merci salut mon pourquoi est pas je vous quel quels quelle",
    "es": "hola gracias adiós adios buenos buenas cómo qué cuánto quiero",
    "it": "grazie buongiorno buonasera perché vorrei",
    "nl": "bedankt hoi goedemorgen goedemiddag alstublieft mijn hoe ik niet",
    "pt": "obrigado obrigada olá meu minha não",
    "pl": "cześć dziękuję dzięki proszę jak moja nie",
}
LANGUAGE_OF = {word: language for language, said in WORDS.items() for word in said.split()}
SHORT = 6  # words of a message that such words decide

NOISE = re.compile(r"\[[a-z-]{1,8}\]|https?://\S+|[\d_]+")
LETTERS = re.compile(r"[^\W\d_]+")
MOST_CHARS = 1_000
SURE = 0.55  # of another language, and
TIMES = 4.0  # so much likelier than the one spoken so far


def detect(text: str, default: str = "en") -> str:
    """The language, `default` where it isn't clear. The first call loads the model, which takes half a second."""
    said = NOISE.sub(" ", text[:MOST_CHARS])
    letters = LETTERS.findall(said)
    if by_script := script_of("".join(letters)):
        return by_script
    told = {LANGUAGE_OF[word] for word in map(str.lower, letters) if word in LANGUAGE_OF}
    if len(letters) <= SHORT and len(told) == 1:
        return told.pop()
    if not letters:
        return default
    chances = dict(identifier().rank(said))
    best = max(chances, key=lambda language: chances[language])
    clear = chances[best] >= SURE and chances[best] >= TIMES * chances.get(default, 0.0)
    return str(best) if clear else default


def script_of(letters: str) -> str | None:
    """The language that most letters can only be of."""
    for language, script in SCRIPTS.items():
        count = len(script.findall(letters))
        if language == "ja" and count:  # kana between Chinese characters
            count += len(SCRIPTS["zh"].findall(letters))
        if count * (2 if language in EAST else 1) > len(letters) - count:
            return language
    return None


def load_soon() -> None:
    """Load the model in a thread, so that a start does not wait for it: most of it is unpacking, beside Python."""
    threading.Thread(target=identifier, name="language", daemon=True).start()


def identifier() -> LanguageIdentifier:
    """Naive Bayes over byte n-grams, of these languages only. Read only: safe to share between threads."""
    with _loading:  # who asks meanwhile waits, and does not load it again
        return _identifier()


@cache
def _identifier() -> LanguageIdentifier:
    model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    model.set_languages(list(LANGUAGES))
    return model


_loading = threading.Lock()
