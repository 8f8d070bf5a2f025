-- The functions that the queries of this project share, one statement per macro.
--
-- They are what differs between engines: everything else in sql/ is the portable subset. So each
-- macro is built from operations that Spark SQL has under another name (regexp_matches is rlike,
-- strlen is octet_length, list_transform is transform) and from patterns that RE2 and Java read
-- alike: no look-around, no \b beside a letter that is not ASCII.
--
-- Why the patterns begin with one literal character where they can: RE2 then jumps from one such
-- character to the next with memchr, which halves the time of a scan.
-- Why a lambda over a list of one: it is the only binding of a value to a name inside a macro.

-- bucket 0 .. 63 of a unit id, the same on every engine and every day: the jackknife's groups
create or replace macro bucket(u) as
    (('0x' || substr(sha256(u), 1, 8))::bigint % 64)::int;

-- bin of a logarithmic sketch: every value of a bin is within 1 % of the bin's centre.
-- Zero, negative and unknown have bins of their own; infinity shares the bin of the largest double.
-- Why 5e-10: a power of the ratio lands in the bin that it closes, whoever computed the logarithm.
-- Why plain numbers come first: of nearly all values nothing else is then computed.
create or replace macro log_bin(x) as
    case
        when x > 0 and x <= 1.7976931348623157e308
            then ceil(ln(x::double) / ln(1.01::double / 0.99::double) - 5e-10)::int
        when x is null or isnan(x::double) then -100002
        when x < 0 then -100001
        when x = 0 then -100000
        else ceil(ln(1.7976931348623157e308) / ln(1.01::double / 0.99::double) - 5e-10)::int
    end;

-- bin 0 .. 99 of a confidence in [0, 1]; 1.0 belongs to the last bin.
-- Why a case: least() skips nulls, and an unknown confidence would become a certain one.
create or replace macro conf_bin(c) as
    case when c is not null then least(floor(c * 100), 99)::int end;

-- 60-bit fingerprint of a text, positive
create or replace macro text_key(t) as
    ('0x' || substr(sha256(t), 1, 15))::bigint;

-- first n characters; a short text is passed on as it is, not copied
create or replace macro head(t, n) as
    case when strlen(t) <= n then t else left(t, n) end;

-- language of a text by its script, null where another script outweighs it or none is known.
-- The list holds bytes of kana, hangul, han, cyrillic, arabic, devanagari; then latin letters.
-- Why kana before han: Japanese writes both, Chinese only one. Letters that only Ukrainian,
-- Persian or Urdu write rule out ru and ar.
create or replace macro script_language(t) as
    list_transform(
        [[
            strlen(regexp_replace(t, '[^ぁ-ヿ]+', '', 'g')),
            strlen(regexp_replace(t, '[^가-힣]+', '', 'g')),
            strlen(regexp_replace(t, '[^一-鿿]+', '', 'g')),
            strlen(regexp_replace(t, '[^Ѐ-ӿ]+', '', 'g')),
            strlen(regexp_replace(t, '[^؀-ۿ]+', '', 'g')),
            strlen(regexp_replace(t, '[^ऀ-ॿ]+', '', 'g')),
            strlen(regexp_replace(t, '[^A-Za-z]+', '', 'g'))
        ]],
        lambda n: case
            when greatest(n[1] + n[3], n[2], n[4], n[5], n[6]) * 2 <= n[7] * 3 then null
            when n[1] * 8 > n[3] and n[1] + n[3] >= greatest(n[2], n[4], n[5], n[6]) then 'ja'
            when n[3] >= greatest(n[2], n[4], n[5], n[6]) then 'zh'
            when n[2] >= greatest(n[4], n[5], n[6]) then 'ko'
            when n[4] >= greatest(n[5], n[6])
                then case when regexp_matches(t, '[іїєґІЇЄҐўЎјЈњљћђ]') then 'und' else 'ru' end
            when n[5] >= n[6]
                then case when regexp_matches(t, '[پچژگکیٹڈےں]') then 'und' else 'ar' end
            else 'hi'
        end
    )[1];

-- where a word begins, as the beginning of a pattern: (?i) holds to the pattern's end
create or replace macro word_start() as '(?i)(?:^|[ ''’("¿¡\n])';

-- the most frequent words of each language, as the inside of a pattern that ends in \b
create or replace macro words_nl() as
    'de|het|een|en|van|ik|je|is|niet|op|te|voor|met|zijn|dat|die|aan|er|maar|om|mijn'
    || '|wat|hoe|kan|naar|bij|ook|worden|heeft|heb|u|uw|dit|deze|wordt|geen|waar|waarom'
    || '|nog|was|wij|we|ons|als|of|kunt|graag|moet|uit|door|over|dan';
create or replace macro words_it() as
    'il|lo|la|gli|di|che|e|un|una|per|non|con|sono|del|della|dei|delle|nel|nella|al'
    || '|alla|da|si|mi|come|ho|ha|questo|questa|ma|anche|cosa|dove|quando|mio|mia|le|ciao'
    || '|grazie|dal|dalla|se|su|era|essere|quale|hai|posso|ci|sul|sulla|degli';
create or replace macro words_pt() as
    'o|os|as|de|que|e|em|um|uma|não|com|por|para|do|da|dos|das|no|na|nos|se|seu|sua'
    || '|meu|minha|mais|como|ao|são|foi|eu|mas|isso|esta|este|pode|obrigado|obrigada|qual'
    || '|quando|onde|tem|posso|pelo|pela|muito|também|ser|estou|me';
create or replace macro words_es() as
    'el|la|los|las|de|que|y|en|un|una|es|por|con|para|no|se|su|del|al|lo|mi|cómo|muy'
    || '|pero|más|son|ha|me|este|esta|puedo|tengo|como|porque|dónde|cuándo|hola|gracias'
    || '|fue|hay|sin|usted|sus|le|nos|cuando|también|si|cuál|ser|he';
create or replace macro words_fr() as
    'le|la|les|des|est|une|un|et|que|qui|dans|pour|vous|je|pas|avec|sur|ce|il|nous'
    || '|mon|ma|votre|sont|au|aux|du|ne|plus|comment|pourquoi|mais|cette|ai|en|de|par|elle'
    || '|mes|ont|peut|être|quel|quelle|bonjour|merci|cela|leur|ou|puis|nos|vos|se';
create or replace macro words_de() as
    'der|die|das|und|ist|nicht|ich|ein|eine|einen|einem|mit|auf|für|wir|sie|haben'
    || '|wurde|bitte|von|zu|den|dem|im|wie|kann|mein|meine|meinen|ihre|ihr|sind|auch|sich'
    || '|wird|werden|hat|bei|noch|aber|oder|nach|wenn|zum|zur|mir|was|warum|wo|du|habe'
    || '|kein|keine|dass|als|diese|dieser';
create or replace macro words_en() as
    'the|and|of|to|is|that|it|you|for|with|this|my|your|was|are|have|not|be|on|what|how'
    || '|can|(?-i:I)|we|please|from|which|would|should|will|there|but|does|why|where|when'
    || '|did|if|been|they|by|just|could|their|than|more|because';

-- language of a text in latin letters by its most frequent stop words, 'und' where there are few:
-- none, or one in 50 characters or less. A word begins the text or follows a delimiter.
-- Each score is 8 x count + place in the list, so that greatest() carries the language with it;
-- a tie goes to the later in the list. Why \b only after an ASCII letter: beyond those, engines
-- disagree about what a word is.
create or replace macro latin_language(t) as
    ['nl', 'it', 'pt', 'es', 'fr', 'de', 'en', 'und'][greatest(
        len(regexp_extract_all(
            t,
            word_start() || '(?:(?:' || words_nl() || ')\b)'
        )) * 8 + 0,
        len(regexp_extract_all(
            t,
            word_start() || '(?:(?:' || words_it() || ')\b|[èÈ] |più|perché|può)'
        )) * 8 + 1,
        len(regexp_extract_all(
            t,
            '(?:' || word_start() || '(?:(?:' || words_pt() || ')\b|[éÉ] |está|você|olá|[àÀ] |já ))|ã|õ'
        )) * 8 + 2,
        len(regexp_extract_all(
            t,
            '(?:' || word_start() || '(?:(?:' || words_es() || ')\b|está|qué|sí ))|ñ'
        )) * 8 + 3,
        len(regexp_extract_all(
            t,
            '(?:' || word_start() || '(?:(?:' || words_fr() || ')\b|où |[éÉ]té|[àÀ] ))|œ'
        )) * 8 + 4,
        len(regexp_extract_all(
            t,
            '(?:' || word_start() || '(?:(?:' || words_de() || ')\b))|ß'
        )) * 8 + 5,
        len(regexp_extract_all(
            t,
            word_start() || '(?:(?:' || words_en() || ')\b)'
        )) * 8 + 6,
        length(t) // 50 * 8 + 7
    ) % 8 + 1];

-- the same for the beginning of an ASCII text, with two counts instead of seven wherever no
-- language but English can win: where words of all the others together are too few.
create or replace macro ascii_language(s) as
    list_transform(
        [[
            len(regexp_extract_all(s, word_start() || '(?:' || words_en() || ')\b')),
            len(regexp_extract_all(
                s,
                word_start() || '(?:' || words_nl() || '|' || words_it() || '|' || words_pt()
                || '|' || words_es() || '|' || words_fr() || '|' || words_de() || ')\b'
            )),
            strlen(s) // 50
        ]],
        lambda n: case
            when n[2] > n[1] and n[2] > n[3] then null
            when n[1] > n[3] then 'en'
            else 'und'
        end
    )[1];

-- words that mark one of the frequent languages, as patterns
create or replace macro only_en() as
    ' (?:the|and|to|this|that|you|with|from|have|your|for|are|please|can|what|how|which|should) ';
create or replace macro only_de() as
    ' (?:und|der|das|ist|nicht|ich|ein|eine|einen|mit|auf|für|wir|sie|von|zu|den|dem|bitte|sind'
    || '|auch|wird|werden|haben|oder|wenn) ';
create or replace macro only_fr() as
    ' (?:les|des|est|une|et|dans|pour|vous|je|pas|avec|sur|ce|il|nous|mon|votre|sont|aux|du|cette) ';
create or replace macro thrice(p) as p || '(?s:.*)' || p || '(?s:.*)' || p;

-- language of the beginning of a text where function words leave no doubt, else null: three of one
-- language, and none of the words that mark the others. Twenty times as fast as counting them all.
create or replace macro sure_language(s) as
    case
        when regexp_matches(s, thrice(only_en()))
            then case
                when
                    not regexp_matches(
                        s,
                        ' (?:und|der|das|ist|nicht|ich|le|les|et|est|une|que|el|los|las|una|por'
                        || '|para'
                        || '|não|uma|com|di|che|il|non|het|een|van|niet) '
                    )
                    then 'en'
            end
        when regexp_matches(s, thrice(only_de()))
            then case
                when
                    not regexp_matches(
                        s,
                        ' (?:the|and|of|le|les|et|est|une|que|el|los|las|una|por|para'
                        || '|não|uma|com|di|che|il|non|het|een|van|niet|ik) '
                    )
                    then 'de'
            end
        when regexp_matches(s, thrice(only_fr()))
            then case
                when
                    not regexp_matches(
                        s,
                        ' (?:the|and|of|und|der|das|ist|nicht|ich|el|los|una|por|para|del|di|che'
                        || '|não|uma|com|non|het|een|van|niet|è) '
                    )
                    then 'fr'
            end
    end;

-- ISO 639-1 code of the language of the beginning of a text, or 'und'; null for no text.
-- The script is looked at only where bytes outnumber characters by a fifth, and stop words are
-- counted only where none of the frequent languages is sure.
create or replace macro start_language(s) as
    case
        when s is null or s = '' then null
        else coalesce(
            case when strlen(s) * 5 > length(s) * 6 then script_language(s) end,
            sure_language(s),
            case when strlen(s) = length(s) then ascii_language(s) end,
            latin_language(s)
        )
    end;

-- the same for a whole text: its first 200 characters tell
create or replace macro text_language(t) as start_language(head(t, 200));

-- is there an assistant's refusal in the beginning of a text?
-- Why verbs follow the negation: "I can't wait", "I cannot recommend it enough" and "I can't help
-- but notice" are no refusals, and "As an AI engineer, you" is no assistant.
create or replace macro start_is_refusal(s) as
    regexp_matches(
        s,
        '(?i)(?:'
        || '(?:^|[^"“”‘\w])i (?:really |simply |just |still |also )?(?:can(?:no|[''’])?t|can not'
        || '|won[''’]t|will not|am not able to|am unable to|won[''’]t be able to'
        || '|will not be able to|am not allowed to|am not permitted to'
        || '|am not comfortable) (?:directly |legally |ethically |actually |in good conscience '
        || '|be able to )?(?:help (?:you |out |with|to )|help[.,;!:\n]|help$|assist|provid|comply'
        || '|fulfil|generat|creat|engag|discuss|answer'
        || '|shar|offer|give (?:you|that|this|any|specific|legal|medical|financial)|support (?:that'
        || '|this|you)|produc|participat|accommodat|facilitat|do that|do this|continue with'
        || '|process (?:that|this|your) request|complete (?:that|this|your) request'
        || '|write (?:that|this|malware|code that))'
        || '|\bi[''’]m (?:not able|unable|not allowed|not permitted|not comfortable'
        || '|not in a position)(?: to|) (?:directly )?(?:help|assist|provid|comply|fulfil'
        || '|generat|creat|engag|discuss|answer|shar|offer|give|produc|do that|do this)'
        || '|\bi(?:[''’]m| am)? (?:really |very |so |truly )?(?:sorry'
        || '|apologi[sz]e),? (?:but )?(?:i (?:can(?:no|[''’])?t|can not|won[''’]t|will not'
        || '|am unable|am not able|must decline|don[''’]t have|do not have)|i[''’]m (?:unable'
        || '|not able))'
        || '|\bi (?:must|have to|need to|will have to|will) (?:respectfully '
        || '|politely )?(?:decline|refuse)\b'
        || '|\bas an? (?:ai|artificial intelligence|large language model'
        || '|language model)(?: language)?(?: model| assistant| system'
        || '| chatbot)?(?: (?:developed|created|trained|made'
        || '|designed) by [a-z]+)?,? i(?:[''’]m (?:not|unable)| can(?:no|[''’])?t\b| can not'
        || '| don[''’]t| do not| am not| am unable| must| won[''’]t| will not| have no| lack)'
        || '|\b(?:goes|is) against (?:my|our|openai[''’]s|anthropic[''’]s) (?:guidelines'
        || '|programming|polic|ethical)|\bviolates? (?:my|our|openai[''’]s'
        || '|anthropic[''’]s) (?:guidelines|programming|(?:content |usage )?polic)'
        || '|\bi (?:don[''’]t|do not) feel comfortable (?:help|provid|discuss|creat|writ|answer'
        || '|shar|with)'
        || '|tut mir (?:sehr |wirklich )?leid,? (?:aber )?(?:ich kann|(?:dabei |damit |das '
        || '|hierbei |dazu )?kann ich) (?:ihnen |dir |euch |dabei |damit |das |diese[a-z]* '
        || '|leider |hierbei |dazu |anfrage )*(?:nicht|kein)'
        || '|(?:ich kann|kann ich|ich darf|darf ich) (?:ihnen |dir |euch |dabei |damit |das '
        || '|diese[a-z]* |leider |hierbei |dazu |anfrage )*(?:nicht'
        || '|keine?) (?:weiter)?(?:[a-zäöüß]+ )?(?:weiter)?(?:helfen|beantworten|unterstützen'
        || '|bereitstellen|erfüllen|weitergeben|erstellen|nachkommen|geben)'
        || '|als (?:eine? )?ki(?:-[a-z]+)*,? (?:kann|darf|habe|bin) ich (?:[a-zäöüß]+ )?(?:nicht'
        || '|kein)'
        || '|\bje ne (?:peux|saurais) (?:malheureusement |donc )?pas (?:vous |t[''’]|te |y '
        || '|en )?(?:directement )?(?:aider|fournir|répondre|accéder à (?:votre|cette|ta)'
        || '|satisfaire|créer|générer|donner|assister|partager)'
        || '|désolée?,? (?:mais )?je ne (?:peux|suis|saurais) pas|je ne suis pas (?:en mesure'
        || '|autorisée?) d(?:e |[''’]|)|en tant qu[''’](?:une? )?(?:ia|intelligence artificielle'
        || '|assistant|modèle de langage)[^.]{0,20},? je ne'
        || '|lo siento,? (?:mucho,? )?(?:pero )?no puedo|\bno puedo (?:ayudar|proporcionar'
        || '|asistir|cumplir|responder|generar|crear|ofrecer|compartir|brindar)'
        || '|como (?:una? )?(?:ia|inteligencia artificial|modelo de lenguaje'
        || '|asistente virtual)[^.]{0,20},? no (?:puedo|tengo)'
        || '|desculpe,? (?:mas )?(?:eu )?não posso|não posso (?:ajudar|fornecer|responder'
        || '|atender)|mi dispiace,? (?:ma )?non posso|non posso (?:aiutar|fornire|rispondere'
        || '|assister)|(?:het spijt me|sorry),? (?:maar )?(?:ik kan|daar kan ik|dat kan ik'
        || '|kan ik) (?:je |u |daar |hier |dat )*niet'
        || '|(?:抱歉|对不起|很遗憾)[^。]{0,10}(?:无法|不能)|我(?:无法|不能)(?:帮助|提供|协助|回答|满足|为您)'
        || '|申し訳[^。]{0,30}(?:できません|できかねます|いたしかねます)|お(?:手伝い|答え)(?:することは|は)?できません'
        || ')'
    );

-- does a text open with an assistant's refusal, in its first 200 characters?
create or replace macro is_refusal(t) as start_is_refusal(head(t, 200));

-- the hedging expressions of English, German, French and Spanish, as the inside of a pattern
create or replace macro hedging_pattern() as
    '(?i:i (?:think|believe|guess|suppose|suspect|assume)'
    || '|i(?:[''’]m| am) not (?:\w+ )?(?:sure|certain)|it(?: would)? (?:seems?|appears?)'
    || '|might|may(?: not)? be|could be|perhaps|possibly|probably|presumably|maybe|likely'
    || '|arguably|apparently|as far as i know|to (?:the best of )?my knowledge'
    || '|vielleicht|möglicherweise|wahrscheinlich|vermutlich|ich (?:glaube|denke|vermute)'
    || '|peut-être|probablement|il semble|je (?:pense|crois)'
    || '|quizás?|tal vez|probablemente|posiblemente|creo que|parece que)\b';

-- number of hedging expressions in the first 2,000 characters: at the start, of a line, or after a
-- space
create or replace macro n_hedges(t) as
    len(regexp_extract_all(head(t, 2000), '(?:^|[ \n])' || hedging_pattern()))::int;

-- is a text JSON as its standard has it? The parser lets a comma before a closing bracket pass.
create or replace macro is_json(t) as
    json_valid(t) and not regexp_matches(t, '(?:["}\]0-9]|true|false|null)\s*,\s*[}\]]');

-- form of a text, from its beginning: json | json_broken | code | markdown | plain | empty.
-- A ```json fence counts as its content. A text that opens like an object or an array of values
-- but does not parse is json_broken; "[1] According to" and "{name}, hello" are prose.
create or replace macro output_format(t) as
    case
        when t is null then null
        when not regexp_matches(t, '\S') then 'empty'
        when regexp_matches(t, '^\s*[{\[]') and is_json(t) then 'json'
        when
            regexp_matches(
                t,
                '^\s*(?:\{\s*(?:["}]|''[A-Za-z_]+'':|[A-Za-z_]+\s*:\s*["\[{0-9])'
                || '|\[\s*(?:[{"\[]|-?[0-9.]+\s*,))'
            )
            then 'json_broken'
        when regexp_matches(t, '^\s*```(?:json|JSON)?\s*[{\[]')
            then case
                when
                    is_json(
                        regexp_extract(
                            t, '^\s*```(?:json|JSON)?\s*([{\[](?s:.*)[}\]])\s*```\s*$', 1
                        )
                    )
                    then 'json'
                when regexp_matches(t, '^\s*```(?:json|JSON)') then 'json_broken'
                else 'code'
            end
        when
            regexp_matches(
                t,
                '^\s*(?:```|#!/|<\?xml|<!(?i:doctype)|<html|(?:async )?def \w+\(|class \w+[(:{]'
                || '|import [\w.]+(?: as \w+)?;?\s*\n|from [\w.]+ import |#include\s'
                || '|(?:export |const |let |var )(?:\w+ )?\w+ ?=|function \w*\(|package \w+;?\s*\n'
                || '|public (?:static |final )?class '
                || '|(?i:select)\s[^.?!]{1,200}\s(?i:from)\s+[\w."]+'
                || '(?:\s*;|\s*$|\s+(?i:where|group|order|join|limit|left|inner)\s))'
            )
            then 'code'
        when
            regexp_matches(t, '^\s*(?:#{1,6} |[-*+] |[0-9]+[.)] |\*\*\S|\||> )')
            or regexp_matches(t, '\n(?:#{1,6} | {0,4}[-*+] | {0,4}[0-9]+[.)] |```|\||> )')
            or regexp_matches(t, '\*\*[^\s*]')
            then 'markdown'
        else 'plain'
    end;

-- a number of a JSON object by its key, null where there is none
create or replace macro json_number(j, name) as
    try_cast(json_extract_string(j, '$.' || name) as double);

-- 60-bit key of a span of one day, positive; the length tells where the trace's id ends
create or replace macro span_key(day, trace_id, span_id) as
    text_key(day::varchar || length(trace_id)::varchar || ':' || trace_id || span_id);

-- milliseconds since midnight of a timestamp's own day, in whole microseconds
create or replace macro ms_of_day(t) as
    round((epoch(t) - epoch(t::date::timestamp)) * 1000, 3);

-- stage of a step by its name; 'other' where the name tells none
create or replace macro span_stage(name) as
    case
        when name is null then 'other'
        when regexp_matches(name, '(?i)guard|moderat|safety') then 'guardrail'
        when regexp_matches(name, '(?i)embed') then 'embed'
        when regexp_matches(name, '(?i)re-?_?rank') then 'rerank'
        when regexp_matches(name, '(?i)retriev|vector|(?:^|[^e])search|knn') then 'retrieve'
        when regexp_matches(name, '(?i)queue|(?:^|[^a])wait') then 'queue'
        when regexp_matches(name, '(?i)chunk|split') then 'chunk'
        when regexp_matches(name, '(?i)output_?parser|post_?process') then 'postprocess'
        when regexp_matches(name, '(?i)prompt|template') then 'prompt'
        when regexp_matches(name, '(?i)(?:^|[^y])load|parse|ocr') then 'load'
        when regexp_matches(name, '(?i)tool') then 'tool'
        when
            regexp_matches(
                name,
                '(?i)llm|chat|completion|generat|openai|gpt|claude|anthropic|gemini|bedrock|mistral'
            )
            then 'llm'
        else 'other'
    end;

-- 64-bit key of an id, for sums that do not depend on the order of rows: the last 8 bytes of its
-- MD5, little-endian. Wide enough for a sum over 10^18 rows.
create or replace macro multiset_key(t) as
    md5_number_lower(t)::decimal(38, 0);

-- such a sum modulo 2^64, as text; of no ids 0
create or replace macro multiset_text(s) as
    (coalesce(s, 0) % 18446744073709551616)::decimal(38, 0)::varchar;
