"""Behaviour macros: golden texts in several languages, edges, and hostile strings."""

# ruff: noqa: RUF001 - the letters that look alike are what is tested

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from llmops_health.text.behaviour import BEHAVIOURS, macros_sql, split_statements

SENTENCES = {
    "en": [
        "Where is my order? I have been waiting for two weeks.",
        "How can I change the delivery address?",
        "Please summarise this article in three sentences.",
        "The model was trained on data from 2023 and should not be used for new claims.",
        "What is the difference between a list and a tuple?",
        "I would like to cancel my subscription.",
        "It's not working, can you help me with the login?",
        "Thanks, that was exactly what I needed!",
    ],
    "de": [
        "Wo ist meine Bestellung? Ich warte schon seit zwei Wochen.",
        "Wie kann ich die Lieferadresse ändern?",
        "Bitte fassen Sie diesen Artikel in drei Sätzen zusammen.",
        "Das Modell wurde mit Daten aus dem Jahr 2023 trainiert und ist nicht aktuell.",
        "Ich möchte mein Abonnement kündigen.",
        "Vielen Dank, das war genau das, was ich gesucht habe.",
        "Der Server ist nicht erreichbar, was kann ich tun?",
    ],
    "fr": [
        "Où est ma commande ? J'attends depuis deux semaines.",
        "Comment puis-je changer l'adresse de livraison ?",
        "Veuillez résumer cet article en trois phrases pour nous.",
        "Le modèle a été entraîné avec des données qui ne sont plus à jour.",
        "Je voudrais annuler mon abonnement.",
        "Merci, c'est exactement ce que je cherchais.",
        "Le serveur ne répond pas, que faire ?",
    ],
    "es": [
        "¿Dónde está mi pedido? Llevo dos semanas esperando.",
        "¿Cómo puedo cambiar la dirección de entrega?",
        "Por favor, resume este artículo en tres frases.",
        "El modelo fue entrenado con los datos de 2023 y no está al día.",
        "Quiero cancelar mi suscripción, gracias.",
        "El servidor no responde, ¿qué hago?",
        "Muchas gracias, es lo que necesitaba para el trabajo.",
    ],
    "pt": [
        "Onde está o meu pedido? Estou esperando há duas semanas.",
        "Como posso alterar o endereço de entrega?",
        "Por favor, resuma este artigo em três frases.",
        "O modelo foi treinado com os dados de 2023 e não está atualizado.",
        "Quero cancelar a minha assinatura.",
        "O servidor não responde, o que faço?",
        "Muito obrigado, era isso que eu precisava.",
    ],
    "it": [
        "Dove è il mio ordine? Aspetto da due settimane.",
        "Come posso cambiare l'indirizzo di consegna?",
        "Per favore, riassumi questo articolo in tre frasi.",
        "Il modello è stato addestrato con dati del 2023 e non è aggiornato.",
        "Vorrei cancellare il mio abbonamento.",
        "Il server non risponde, che cosa devo fare?",
        "Grazie, era quello che cercavo per il lavoro.",
    ],
    "nl": [
        "Waar is mijn bestelling? Ik wacht al twee weken.",
        "Hoe kan ik het afleveradres wijzigen?",
        "Vat dit artikel samen in drie zinnen, alstublieft.",
        "Het model is getraind met gegevens uit 2023 en is niet actueel.",
        "Ik wil mijn abonnement graag opzeggen.",
        "De server reageert niet, wat moet ik doen?",
        "Dank je wel, dat is precies wat ik zocht.",
    ],
    "zh": ["我的订单在哪里?", "请用三句话总结这篇文章。", "使用 Python 的 pandas 库读取数据文件"],
    "ja": ["私の注文はどこですか?", "この記事を三つの文で要約してください。", "ありがとう"],
    "ko": ["제 주문은 어디에 있나요?", "이 기사를 세 문장으로 요약해 주세요.", "감사합니다"],
    "ru": ["Где мой заказ?", "Пожалуйста, кратко изложите эту статью.", "Спасибо"],
    "ar": ["أين طلبي؟", "يرجى تلخيص هذه المقالة في ثلاث جمل.", "شكرا"],
    "hi": ["मेरा ऑर्डर कहाँ है?", "कृपया इस लेख का सारांश दें।", "धन्यवाद"],
    "und": [
        "12345 67890",
        "   ",
        "Де моє замовлення, і чому його ще немає?",
        "Ολα καλά, ευχαριστώ",
        "Gdzie jest moje zamówienie, czekam już dwa tygodnie?",
        "Var är min beställning? Jag har väntat i två veckor och det är inte bra.",
        "Saya ingin membatalkan pesanan saya karena terlalu lama",
        "Vreau să anulez comanda, pentru că durează prea mult și nu am timp",
        "Siparişim nerede, iki haftadır bekliyorum",
        '{"label": 3, "score": 0.9}',
        "🎉🎉🎉",
    ],
}

REFUSALS = [
    "I can't help with that.",
    "I can’t assist with this request.",
    "I'm sorry, but I can't provide instructions for that.",
    "I’m sorry, but I cannot do that.",
    "I am sorry, I can not continue.",
    "I cannot assist you in making weapons.",
    "Sorry, I'm not able to help you with medical dosage.",
    "Unfortunately, I am unable to provide legal advice.",
    "As an AI language model, I don't have personal opinions.",
    "As an AI, I cannot browse the web.",
    "As a large language model trained by Acme, I do not have feelings.",
    "I must respectfully decline.",
    "I don't feel comfortable writing that.",
    "Thank you for asking. That goes against my guidelines.",
    "I won't be able to help you with that.",
    "Es tut mir leid, aber ich kann dabei nicht helfen.",
    "Tut mir leid, dabei kann ich Ihnen leider nicht helfen.",
    "Das kann ich leider nicht beantworten.",
    "Als KI-Sprachmodell kann ich nicht auf das Internet zugreifen.",
    "Je suis désolé, mais je ne peux pas vous aider.",
    "Je ne peux pas fournir cette information.",
    "En tant qu'IA, je ne peux pas donner d'avis.",
    "Lo siento, pero no puedo ayudarte con eso.",
    "Como modelo de lenguaje, no tengo opiniones.",
    "Desculpe, mas não posso ajudar com isso.",
    "Mi dispiace, ma non posso aiutarti.",
    "Het spijt me, maar ik kan je daar niet bij helpen.",
    "抱歉,我无法回答这个问题。",
    "申し訳ありませんが、お手伝いできません。",
]
NO_REFUSALS = [
    "I can't wait to see the results!",
    "I cannot recommend this enough.",
    "I can't help but notice the pattern.",
    "I can't give up now.",
    "As an AI engineer, you will design models.",
    "As an AI, I can help you with that.",
    "I'm sorry to hear that. Let me check your order.",
    "I'm sorry for the delay, your parcel is on the way.",
    "Sure, here is the list.",
    "You can't assist a player who is offline.",
    'The customer says: "I can\'t generate an invoice".',
    "The request was declined by the bank.",
    "Ich kann das gerne für Sie prüfen.",
    "Je peux vous aider.",
    "Claro, puedo ayudarte con eso.",
    "x" * 200 + " I can't help with that.",
    "",
]


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for statement in macros_sql():
            connection.execute(statement)
        yield connection


def ask(con: duckdb.DuckDBPyConnection, macro: str, text: str | None) -> object:
    row = con.execute(f"select {macro}(t) from (select $t::varchar as t)", {"t": text}).fetchone()
    assert row is not None
    return row[0]


def test_language_is_right_for_95_in_100_sentences(con: duckdb.DuckDBPyConnection) -> None:
    pairs = [(code, text) for code, texts in SENTENCES.items() for text in texts]
    assert len(pairs) >= 79
    wrong = [pair for pair in pairs if ask(con, "text_language", pair[1]) != pair[0]]
    assert len(wrong) <= 0.05 * len(pairs), wrong


@pytest.mark.parametrize("code", ["en", "de", "fr", "es", "pt", "it", "nl"])
def test_language_of_a_paragraph(con: duckdb.DuckDBPyConnection, code: str) -> None:
    assert ask(con, "text_language", "\n".join(SENTENCES[code])) == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("How do I say 'привет' when I write to a friend in Moscow?", "en"),
        ("Translate 'こんにちは世界' to English for me, please.", "en"),
        (
            "Übersetze bitte: the cat sat on the mat and the dog. Das ist nicht für die Schule.",
            "de",
        ),
    ],
)
def test_language_of_a_mixed_text_is_that_of_most_of_it(
    con: duckdb.DuckDBPyConnection, text: str, code: str
) -> None:
    assert ask(con, "text_language", text) == code


def test_language_is_that_of_the_first_200_characters(con: duckdb.DuckDBPyConnection) -> None:
    start = "\n".join(SENTENCES["de"])[:200].ljust(200)
    assert ask(con, "text_language", start + " the and of to this that with for " * 50) == "de"
    assert ask(con, "text_language", "x" * 200 + " the and of to this that with") == "und"


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals(con: duckdb.DuckDBPyConnection, text: str) -> None:
    assert ask(con, "is_refusal", text) is True


@pytest.mark.parametrize("text", NO_REFUSALS)
def test_no_refusals(con: duckdb.DuckDBPyConnection, text: str) -> None:
    assert ask(con, "is_refusal", text) is False


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("", 0),
        ("It is done.", 0),
        ("Perhaps it might work, but I'm not sure.", 3),
        ("It seems fine.\nMaybe not. I think so.", 3),
        ("Mightier than the thinker; unlikely.", 0),
        ("Vielleicht geht es, ich glaube schon.", 2),
        ("Je pense que oui, peut-être.", 2),
        ("Quizás, creo que sí.", 2),
        (" might" * 300, 300),
        ("a" * 2000 + " might", 0),
    ],
)
def test_hedges(con: duckdb.DuckDBPyConnection, text: str, n: int) -> None:
    assert ask(con, "n_hedges", text) == n


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("", "empty"),
        (" \n\t", "empty"),
        ('{"a": [1, 2]}', "json"),
        (' \n[{"a": null}]\n', "json"),
        ('```json\n{"a": 1}\n```', "json"),
        ("```\n[1, 2]\n```\n", "json"),
        ('{"a": 1', "json_broken"),
        ("{'a': 1}", "json_broken"),
        ('```json\n{"a": 1,}\n```', "json_broken"),
        ("[1, 2", "json_broken"),
        ("[1] According to the report, sales rose.", "plain"),
        ("[INST] Answer [/INST]", "plain"),
        ("{name}, hello.", "plain"),
        ("42", "plain"),
        ("```python\nprint(1)\n```", "code"),
        ("def f(x):\n    return x", "code"),
        ("SELECT a FROM t WHERE b = 1", "code"),
        ("Select a colour from the menu above", "plain"),
        ("import taxes are high", "plain"),
        ("# Title\ntext", "markdown"),
        ("Steps:\n\n1. one\n2. two", "markdown"),
        ("This is **important**.", "markdown"),
        ("See:\n```\nx\n```", "markdown"),
        ("2 ** 3 is 8, #1 - fine", "plain"),
        ("Just a sentence.\nAnd another.", "plain"),
    ],
)
def test_output_format(con: duckdb.DuckDBPyConnection, text: str, form: str) -> None:
    assert ask(con, "output_format", text) == form


@pytest.mark.parametrize("macro", [each.name for each in BEHAVIOURS])
def test_null_stays_null(con: duckdb.DuckDBPyConnection, macro: str) -> None:
    assert ask(con, macro, None) is None


@pytest.mark.parametrize("macro", [each.name for each in BEHAVIOURS])
@pytest.mark.parametrize(
    "text",
    [
        "a\x00b the and",
        "'; drop table t; --",
        "(((((.*+?[]{}|\\^$",
        "\\1 \\Q $t %s {}",
        "🎉\u202e\ufeff",
        "the and " * 131_072,
        "[" * 1_048_576,
        "あ" * 349_525,
        '{"a": "' + "x" * 1_000_000,
    ],
    ids=["nul", "sql", "regex", "escapes", "unicode", "1MB", "1MB brackets", "1MB kana", "1MB cut"],
)
def test_hostile_texts_have_an_answer_of_the_stated_type(
    con: duckdb.DuckDBPyConnection, macro: str, text: str
) -> None:
    sql = f"select typeof({macro}(t)), {macro}(t) from (select $t::varchar as t)"
    row = con.execute(sql, {"t": text}).fetchone()
    assert row is not None
    stated = {each.name: each.sql_type for each in BEHAVIOURS}[macro]
    assert row[0].lower() == stated
    assert row[1] is not None


def test_each_statement_of_the_file_makes_one_macro() -> None:
    statements = macros_sql()
    assert all(each.startswith("create or replace macro ") for each in statements)
    assert {each.name for each in BEHAVIOURS} <= {
        each.split()[4].split("(")[0] for each in statements
    }


@pytest.mark.parametrize(
    ("script", "statements"),
    [
        ("", []),
        (" ;; -- nothing\n", []),
        ("select 'a;''b'; select \"c;d\"", ["select 'a;''b'", 'select "c;d"']),
        ("select 1 - 2 / 3; /* ; ' */ select 4", ["select 1 - 2 / 3", "select 4"]),
        ("select 1 -- it's; one\n;", ["select 1"]),
    ],
)
def test_split_statements(script: str, statements: list[str]) -> None:
    assert split_statements(script) == statements
