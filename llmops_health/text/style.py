"""How people ask: what is measured of the wording of sampled inputs. No topics, and no judgement.

Frames in, frames out. `STYLE_VERSION` rises whenever a detector may answer differently for the
same text: values of two versions must not be compared. The detectors know English, German, French,
Spanish, Italian, Portuguese and Dutch, and courtesies of a few more; elsewhere they see less, but
the same on every day.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import polars as pl

STYLE_VERSION: Final = 1

TABLES: Final[dict[str, dict[str, str]]] = {
    "summary__style": {
        "day": "date",
        "feature_id": "varchar",
        "call_id": "varchar",
        "style_version": "integer",
        "is_keywords": "boolean",
        "is_courteous": "boolean",
        "is_template": "boolean",
        "has_examples": "boolean",
        "is_rephrased": "boolean",
    },
}
"""Columns and SQL types of the table that `measure` returns."""

_SCHEMA: Final[dict[str, pl.DataType]] = {
    "day": pl.Date(),
    "feature_id": pl.String(),
    "call_id": pl.String(),
    "style_version": pl.Int32(),
    "is_keywords": pl.Boolean(),
    "is_courteous": pl.Boolean(),
    "is_template": pl.Boolean(),
    "has_examples": pl.Boolean(),
    "is_rephrased": pl.Boolean(),
}

# A prompt that is longer shows its style in its beginning; a pasted document would be read in vain.
_READ_CHARS: Final = 4_000
_MOST_KEYWORDS: Final = 8
_REPHRASED_WITHIN: Final = timedelta(minutes=10)
# Half of all words shared: a corrected or completed input, seldom another one on the same topic.
_LEAST_SHARED: Final = 0.5
_LEAST_WORDS: Final = 3

_OTHER_SCRIPTS: Final = r"[\p{L}--\p{Latin}]"
# Pronouns, articles, question words and auxiliaries: what makes a sentence of words.
_SENTENCE_WORDS: Final = (
    "i|you|we|they|he|she|it|me|my|your|our|us|is|are|was|were|am|be|do|does|did|don't|can|could"
    "|can't|would|should|will|won't|have|has|had|how|what|why|when|where|which|who|the|a|an|this"
    "|that|please|there|not|if|because"
    "|ich|du|wir|ihr|mir|mein|meine|meinen|ihre|der|das|dem|den|ein|eine|einen|ist|sind|war|habe"
    "|hat|haben|kann|können|wie|warum|wann|wo|welche|nicht|bitte|wenn"
    "|je|tu|nous|vous|mon|ma|mes|votre|le|les|une|est|sont|ai|avez|puis|peut|comment|pourquoi"
    "|quand|quel|quelle|que|pas"
    "|yo|mi|mis|el|los|una|es|son|estoy|tengo|puedo|puede|cómo|qué|cuándo|dónde|no|se"
    "|io|mio|mia|il|lo|gli|uno|sono|ho|posso|come|perché|dove|non"
    "|eu|meu|minha|o|os|um|uma|não|como|posso|onde"
    "|ik|wij|mijn|het|een|zijn|heb|heeft|kan|hoe|wat|waarom|waar|niet"
)
_COURTESIES: Final = (
    r"please|thanks|thank (?:you|u)|hello|hi|dear|kindly|good (?:morning|afternoon|evening)"
    r"|(?:best|kind) regards|cheers|sorry|excuse me"
    r"|bitte|danke|dankeschön|hallo|guten (?:tag|morgen|abend)|sehr geehrte[rn]?|(?:viele|liebe"
    r"|freundliche[nr]?) grüße[n]?"
    r"|s['\u2019]il (?:vous|te) pla[iî]t|merci|bonjour|bonsoir|cordialement"
    r"|por favor|gracias|hola|buenos días|buenas tardes|saludos"
    r"|per favore|per cortesia|grazie|buongiorno|buonasera|ciao"
    r"|obrigad[oa]|olá|bom dia|boa tarde|alstublieft|alsjeblieft|bedankt|dank (?:u|je)"
    r"|пожалуйста|спасибо|здравствуйте|привет"
)
_COURTESIES_UNSPACED: Final = (
    "请|請|谢谢|謝謝|您好|お願い|ありがとう|ください|すみません|감사|부탁|안녕"
)
_FORMULAS: Final = (
    r"act as|you are an?|you['\u2019]re an?|pretend (?:to be|you)|imagine you(?: are|['\u2019]re)"
    r"|(?:think|go|explain(?: \w+)?) step by step|your task is|as an expert|(?:respond|answer"
    r"|reply|output|return) only|only (?:respond|answer|reply|output|return)|in the following"
    r" format|(?:the|this) following (?:text|context|format|instructions?|rules)|use the following"
    r"|in bullet points|do not (?:explain|include any|add any)|chain of thought"
    r"|think (?:carefully|hard)|take a deep breath|few-shot|system prompt"
    r"|(?:agiere|handle|verhalte dich) (?:als|wie)|du bist ein|sie sind ein|schritt für schritt"
    r"|deine aufgabe ist|agis comme|tu es une?|vous êtes une?|étape par étape|ta tâche est"
    r"|actúa como|eres una?|paso a paso|tu tarea es|agisci come|sei una?|passo dopo passo"
    r"|aja como|você é uma?|passo a passo|gedraag je als|jij bent een|stap voor stap"
)
_MARKS: Final = (
    r"(?m)^#{2,}\s|</?(?:context|instructions?|examples?|input|task|rules)>|\{\{"
    r"|^\s*(?i:context|instructions?|task|role|persona|format|output format|rules|constraints)\s*:"
)
_EXAMPLES: Final = (
    r"(?im)^\s*(?:[-*#>]+\s*)?(?:example|sample|input|output|question|answer|q|a|beispiel|eingabe"
    r"|ausgabe|frage|antwort|exemple|entrée|sortie|réponse|ejemplo|entrada|salida|pregunta"
    r"|respuesta|esempio|exemplo|voorbeeld)\s*\d*\s*[:.)]"
)
_WORD: Final = r"[\p{L}\p{N}]+"


def measure(samples: pl.DataFrame) -> pl.DataFrame:
    """Return how each input is worded, in the columns of `TABLES`.

    Parameters
    ----------
    samples
        day, feature_id, call_id, user_key, started_at and text of calls: all sampled calls of a
        user and day together, because a rephrased input is told by the one before it. Rows with
        a null or blank text are left out.

    Notes
    -----
    `is_keywords` is null where letters of another script than the Latin are found. An input is
    rephrased where the user's input before it, at most 10 minutes old, shares at least half of
    the distinct words of both; it takes 3 of them.
    """
    texts = samples.filter(pl.col("text").str.strip_chars() != "").with_columns(
        text=pl.col("text").str.strip_chars().str.slice(0, _READ_CHARS)
    )
    told = texts.with_columns(is_rephrased=_is_rephrased(texts)).with_columns(
        style_version=pl.lit(STYLE_VERSION),
        is_keywords=_is_keywords(),
        is_courteous=_has_words(_COURTESIES) | pl.col("text").str.contains(_COURTESIES_UNSPACED),
        is_template=_has_words(_FORMULAS) | pl.col("text").str.contains(_MARKS),
        has_examples=pl.col("text").str.count_matches(_EXAMPLES) >= 2,
    )
    rows = told.sort("day", "feature_id", "call_id")
    return rows.select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items())


def readable_days(samples: pl.DataFrame) -> set[date]:
    """Return the days of which at least half of the texts are at hand.

    Texts that outlive the retention of their day are those that came again: no sample of the day.
    """
    has_text = pl.col("text").is_not_null()
    wanted = samples.filter(pl.col("input_sha256").is_not_null())
    days = wanted.group_by("day").agg(share=has_text.mean()).filter(pl.col("share") >= 0.5)
    return set(days["day"].to_list())


def _has_words(alternatives: str) -> pl.Expr:
    return pl.col("text").str.contains(rf"(?i)(?:^|[^\p{{L}}])(?:{alternatives})(?:$|[^\p{{L}}])")


def _is_keywords() -> pl.Expr:
    n_words = pl.col("text").str.count_matches(r"\S+")
    is_sentence = pl.col("text").str.contains(r"[.!?](?:\s|$)|,\s") | _has_words(_SENTENCE_WORDS)
    return (
        pl.when(pl.col("text").str.contains(_OTHER_SCRIPTS).not_())
        .then((n_words <= _MOST_KEYWORDS) & is_sentence.not_())
        .otherwise(None)
    )


def _is_rephrased(texts: pl.DataFrame) -> pl.Series:
    """Tell for each row whether it is much like the user's input before it."""
    user = ["day", "feature_id", "user_key"]
    rows = texts.select(*user, "call_id", "started_at", "text", place=pl.int_range(pl.len()))
    in_time = rows.sort(*user, "started_at", "call_id").with_columns(before=pl.col("text").shift(1))
    is_same_user = pl.all_horizontal(
        pl.col(name).eq_missing(pl.col(name).shift(1)) for name in user
    )
    since = pl.col("started_at") - pl.col("started_at").shift(1)
    # Telling words takes long: it is done for those that come soon after another alone.
    soon = in_time.filter(is_same_user & (since <= _REPHRASED_WITHIN)).with_columns(
        pl.col("text", "before").str.to_lowercase().str.extract_all(_WORD).list.unique()
    )
    shared = pl.col("text").list.set_intersection("before").list.len()
    n_all = pl.col("text").list.len() + pl.col("before").list.len() - shared
    is_like = (shared >= _LEAST_SHARED * n_all) & (shared >= _LEAST_WORDS)
    return rows["place"].is_in(soon.filter(is_like)["place"].implode())
