-- How each user of the panel asked on a day: counts and sums of the style of inputs.
--
-- one row per: day x feature_id x user_key
-- reads:       summary__user_calls, summary__style, summary__text_cells
-- params:      $first_day, $last_day
-- read by:     health/coevolution
--
-- day            date     UTC day of started_at
-- feature_id     varchar
-- user_key       bigint   60-bit hash of user_id
-- bucket         integer  0-63, jackknife group of the user
-- n              bigint   calls
-- n_sized        bigint   calls whose n_input_chars is known
-- sum_ln_chars   double   sum of ln(1 + n_input_chars)
-- n_counted      bigint   calls whose input_tokens is known
-- sum_ln_tokens  double   sum of ln(1 + input_tokens)
-- n_keyed        bigint   calls of which a repeat would be known
-- n_repeated     bigint   calls that repeat a prompt of the 10 minutes before
-- style_version  integer  of the detectors; null where no text was read
-- n_read         bigint   calls whose text was read
-- n_worded       bigint   of these, calls of which it is known whether they are keywords
-- n_keywords     bigint   a few words that are no sentence
-- n_courteous    bigint   with a greeting, a please or a thank you
-- n_template     bigint   with a formula of prompt writing
-- n_examples     bigint   with pasted examples
-- n_rephrased    bigint   much like what the user sent in the 10 minutes before
-- n_placed       bigint   calls whose topic is known: those in the day's text sample too
-- n_new_topic    bigint   of these, calls that are near no topic
--
-- Why the first day of a user is no column: it is the least day of the user's rows up to the day
-- judged. A column would change for past days when older files are read.
-- Why the panel: see summary__user_calls.
-- History read: only the days asked for.
select
    c.day,
    c.feature_id,
    c.user_key,
    c.bucket,
    count(*)::bigint as n,
    count(c.n_input_chars)::bigint as n_sized,
    coalesce(sum(ln(1.0::double + c.n_input_chars)), 0.0)::double as sum_ln_chars,
    count(c.input_tokens)::bigint as n_counted,
    coalesce(sum(ln(1.0::double + c.input_tokens)), 0.0)::double as sum_ln_tokens,
    count(c.is_repeat)::bigint as n_keyed,
    sum(case when c.is_repeat then 1 else 0 end)::bigint as n_repeated,
    max(s.style_version) as style_version,
    count(s.is_courteous)::bigint as n_read,
    count(s.is_keywords)::bigint as n_worded,
    sum(case when s.is_keywords then 1 else 0 end)::bigint as n_keywords,
    sum(case when s.is_courteous then 1 else 0 end)::bigint as n_courteous,
    sum(case when s.is_template then 1 else 0 end)::bigint as n_template,
    sum(case when s.has_examples then 1 else 0 end)::bigint as n_examples,
    sum(case when s.is_rephrased then 1 else 0 end)::bigint as n_rephrased,
    count(t.cell)::bigint as n_placed,
    sum(case when t.cell = -1 then 1 else 0 end)::bigint as n_new_topic
from summary__user_calls as c
left join summary__style as s
    on
        c.call_id = s.call_id
        and c.day = s.day
        and s.day between $first_day and $last_day
left join summary__text_cells as t
    on
        c.call_id = t.call_id
        and c.day = t.day
        and t.day between $first_day and $last_day
where c.day between $first_day and $last_day
group by
    c.day,
    c.feature_id,
    c.user_key,
    c.bucket
