"""Items: the LSAT6 numbers of the literature, missing answers, and spent items."""

from __future__ import annotations

import numpy as np
import pytest

from llmops_health.kernels import items

# LSAT6 (Bock and Lieberman 1970): response patterns of 1,000 takers to 5 items, in binary order.
LSAT6_COUNTS = [
    3, 6, 2, 11, 1, 1, 3, 4, 1, 8, 0, 16, 0, 3, 2, 15,
    10, 29, 14, 81, 3, 28, 15, 80, 16, 56, 21, 173, 11, 61, 28, 298,
]  # fmt: skip
PATTERNS = (np.arange(32)[:, None] >> np.arange(4, -1, -1)) & 1
LSAT6 = np.repeat(PATTERNS, LSAT6_COUNTS, axis=0).astype(float)


def test_classical_statistics_of_lsat6() -> None:
    found = items.item_statistics(LSAT6)
    assert found.p_value.tolist() == [0.924, 0.709, 0.553, 0.763, 0.87]
    # numpy 2.4 corrcoef
    expected = [0.1128326889, 0.1531781201, 0.1727789433, 0.1444280952, 0.1215964025]
    assert found.item_rest == pytest.approx(expected, rel=1e-8)
    assert found.kr20 == pytest.approx(0.2949971922, rel=1e-8)


def test_answers_that_are_missing_are_not_wrong() -> None:
    gaps = LSAT6.copy()
    gaps[::4, 0] = np.nan
    found = items.item_statistics(gaps)
    seen = ~np.isnan(gaps[:, 0])
    assert found.n_takers.tolist() == [750, 1000, 1000, 1000, 1000]
    assert found.p_value[0] == pytest.approx(LSAT6[seen, 0].mean())
    rest = LSAT6[seen, 1:].mean(axis=1)
    assert found.item_rest[0] == pytest.approx(np.corrcoef(LSAT6[seen, 0], rest)[0, 1])
    assert found.kr20 == pytest.approx(items.item_statistics(LSAT6[seen]).kr20)
    others = np.nanmean(gaps[:, [0, 2, 3, 4]], axis=1)
    assert found.item_rest[1] == pytest.approx(np.corrcoef(gaps[:, 1], others)[0, 1])


def test_what_does_not_vary_has_no_correlation() -> None:
    found = items.item_statistics(np.array([[1, 0], [1, 1], [1, np.nan]]))
    assert np.isnan(found.item_rest).all()
    assert found.p_value.tolist() == [1.0, 0.5]
    unseen = items.item_statistics([[np.nan, 1], [np.nan, 0]])
    assert np.isnan(unseen.p_value[0])
    assert np.isnan(unseen.kr20)


def test_two_pl_equals_the_literature_on_lsat6() -> None:
    fit = items.two_pl(LSAT6)
    # girth 0.8.0 twopl_mml; R ltm prints .825 .723 .890 .689 .657 and logLik -2466.65
    slopes = [0.8257309572, 0.7228304955, 0.8908353449, 0.6884004482, 0.6569264627]
    places = [-3.35871953, -1.370053626, -0.2797282371, -1.866431941, -3.125865021]
    assert fit.discrimination == pytest.approx(slopes, abs=2e-3)
    assert fit.difficulty == pytest.approx(places, abs=2e-3)
    assert fit.log_likelihood == pytest.approx(-2466.653378, abs=1e-5)
    assert fit.has_converged


def test_information_of_lsat6() -> None:
    fit = items.two_pl(LSAT6)
    found = items.test_information(fit.discrimination, fit.difficulty, [0, 1.5, 3])
    # numpy 2.4 with the slopes of an EM on 61 nodes
    assert found == pytest.approx([0.4601618999, 0.2332061538, 0.08540563178], abs=1e-5)
    share = items.information_share(3, fit.discrimination, fit.difficulty)
    # The champion at theta = 3 is beyond what these easy items can see.
    assert share < 0.25


def test_two_pl_recovers_planted_items_through_gaps() -> None:
    rng = np.random.default_rng(0)
    slope, place = np.linspace(0.6, 2.0, 12), np.linspace(-2, 2, 12)
    p_right = 1 / (1 + np.exp(-slope * (rng.normal(size=(4000, 1)) - place)))
    responses = (rng.random((4000, 12)) < p_right).astype(float)
    responses[rng.random((4000, 12)) < 0.2] = np.nan
    fit = items.two_pl(responses)
    assert fit.discrimination == pytest.approx(slope, abs=0.35)
    assert np.sqrt(np.mean((fit.discrimination - slope) ** 2)) < 0.12
    assert np.sqrt(np.mean((fit.difficulty - place) ** 2)) < 0.12


def test_items_that_all_pass_or_fail_inform_nobody() -> None:
    n = len(LSAT6)
    fit = items.two_pl(np.column_stack([LSAT6, np.ones(n), np.zeros(n)]))
    assert fit.discrimination[5:].tolist() == [0.0, 0.0]
    assert fit.difficulty[5:].tolist() == [-np.inf, np.inf]
    assert fit.discrimination[:5] == pytest.approx(items.two_pl(LSAT6).discrimination)
    at_zero = items.test_information(fit.discrimination, fit.difficulty, 0.0)
    alone = items.test_information(fit.discrimination[:5], fit.difficulty[:5], 0.0)
    assert at_zero == pytest.approx(alone)


def test_perfect_separation_stays_finite() -> None:
    right = np.repeat([0.0, 1.0], 20)[:, None]
    fit = items.two_pl(np.tile(right, (1, 4)))
    assert np.all(np.abs(fit.discrimination) <= 8)
    assert np.all(np.isfinite(fit.difficulty))


def test_ability_by_hand() -> None:
    even = items.ability([1, 0], [1.0, 1.0], [-1.0, 1.0], method="mle")
    # P = 1 / (1 + e^-1) and its mirror: information 2 P (1 - P) = 0.39322
    assert even.theta == pytest.approx(0, abs=1e-12)
    assert even.se == pytest.approx(1 / np.sqrt(0.3932238665), rel=1e-8)
    # P(right) = 3/4 at theta = log 3 for four equal items
    three_of_four = items.ability([1, 1, 1, 0], [1.0] * 4, [0.0] * 4, method="mle")
    assert three_of_four.theta == pytest.approx(np.log(3), rel=1e-10)


def test_a_perfect_score_ends_the_scale_and_the_prior_holds_it() -> None:
    slope, place = [1.0] * 5, [0.0] * 5
    assert items.ability([1] * 5, slope, place, method="mle").theta == pytest.approx(6)
    assert items.ability([0] * 5, slope, place, method="mle").theta == pytest.approx(-6)
    assert 0.9 < items.ability([1] * 5, slope, place).theta < 1.5


def test_no_answer_leaves_the_prior() -> None:
    prior = items.ability([np.nan, 1], [1.0, 0.0], [0.0, -np.inf])
    assert (prior.theta, prior.se) == pytest.approx((0, 1), abs=1e-6)
    assert items.ability([np.nan], [1.0], [0.0], method="mle").se == np.inf


def test_one_more_right_answer_raises_the_ability() -> None:
    slope, place = [1.2] * 6, np.linspace(-1, 1, 6)
    thetas = [items.ability(np.arange(6) < n, slope, place).theta for n in range(7)]
    assert thetas == sorted(thetas)
    assert len(set(thetas)) == 7


def test_information_share_is_one_at_the_peak() -> None:
    assert items.information_share(0.5, [1.3], [0.5]) == pytest.approx(1)
    # P (1 - P) at logit 2 over 1/4
    assert items.information_share(2.5, [1.0], [0.5]) == pytest.approx(0.4199743416, rel=1e-8)


def test_misuse_is_named() -> None:
    with pytest.raises(ValueError, match="needs 30 takers or more, got 29"):
        items.two_pl(LSAT6[:29])
    with pytest.raises(ValueError, match="no partial score"):
        items.two_pl(LSAT6 / 2)
    with pytest.raises(ValueError, match="at least 2 items"):
        items.two_pl(np.column_stack([LSAT6[:, 0], np.ones(1000)]))
    with pytest.raises(ValueError, match=r"takers x items in \[0, 1\]"):
        items.item_statistics([[2.0]])
    with pytest.raises(ValueError, match="No item informs"):
        items.information_share(0, [0.0], [np.inf])
    with pytest.raises(ValueError, match="Each item needs a and b"):
        items.test_information([1.0], [1.0, 2.0], 0)
    with pytest.raises(ValueError, match="finite discrimination"):
        items.test_information([1.0], [np.inf], 0)
    with pytest.raises(ValueError, match="responses must hold 1 scores, got 2"):
        items.ability([1, 0], [1.0], [0.0])
    with pytest.raises(ValueError, match='method must be "eap" or "mle", got "map"'):
        items.ability([1], [1.0], [0.0], method="map")  # type: ignore[arg-type]
