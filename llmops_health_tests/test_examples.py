"""The examples, judged on the recorded data they are written for: what is true of it is found.

The numbers are those of the data's publishers, or counted from the files without this package.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pytest
import yaml

from llmops_health import config
from llmops_health.kernels.calibration import expected_calibration_error
from llmops_health.kernels.multiplicity import benjamini_hochberg
from llmops_health.kernels.paired import paired_change
from llmops_health.storage.warehouse import open_published

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/llmops-health.yaml"))
DATA_VARIABLE = "LLMOPS_HEALTH_REAL_DATA"
RIGHT = "case when predicted_label = label then 1 else 0 end"
LABELLED = "from core__calls inner join core__labels using (call_id)"
REASONED = "feature_id = 'exam-gpt-35-turbo-chain_of_thought'"

Row = tuple[object, ...]
Floats = npt.NDArray[np.float64]

real = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get(DATA_VARIABLE), reason=f"{DATA_VARIABLE} names no folder of real data"
    ),
]


class Judged:
    """The published file of an example that was run."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def rows(self, query: str, **given: object) -> list[Row]:
        return self._connection.execute(query, given or None).fetchall()

    def shares(self, query: str, **given: object) -> dict[object, float]:
        """Return the query's (name, number) rows."""
        return {name: float(str(value)) for name, value in self.rows(query, **given)}

    def findings(self, check_name: str, feature_id: str, segment: str = "") -> list[Row]:
        """Return day, status, value, n and message of a check, oldest first."""
        return self.rows(
            "select day::varchar, status, value, n, message from health__findings"
            " where check_name = $check_name and feature_id = $feature_id and segment = $segment"
            " order by day",
            check_name=check_name,
            feature_id=feature_id,
            segment=segment,
        )

    def statuses(self, check_name: str, feature_id: str, segment: str = "") -> set[object]:
        """Return the statuses a check ever had."""
        return {status for _, status, *_ in self.findings(check_name, feature_id, segment)}

    def failed_on(self, check_name: str, feature_id: str, segment: str = "") -> list[str]:
        """Return the days on which a check failed."""
        found = self.findings(check_name, feature_id, segment)
        return [str(day) for day, status, *_ in found if status == "FAIL"]

    def alarms(self) -> set[object]:
        """Return the checks of what was recorded that ever alarmed: no owner or part was."""
        found = self.rows(
            "select check_name from health__findings where status in ('WARN', 'FAIL')"
            " and mode not in ('ownership', 'bom')"
        )
        return {name for (name,) in found}

    def verdicts(self, feature_id: str, mode: str) -> dict[object, float]:
        """Return how many days a mode had each verdict."""
        return self.shares(
            "select status, count(*) from health__verdicts where feature_id = $feature_id"
            " and mode = $mode group by status",
            feature_id=feature_id,
            mode=mode,
        )

    def confidence(self) -> tuple[Floats, Floats]:
        """Return the confidence of every labelled call and whether it was right (0 or 1)."""
        found = np.array(self.rows(f"select confidence, {RIGHT} {LABELLED}"), dtype=np.float64)
        return found[:, 0], found[:, 1]


@pytest.fixture(scope="class")
def found(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Judged]:
    """Copy the example of a class, make its files where it has to, and run it on all its days."""
    folder = tmp_path_factory.mktemp("examples") / request.cls.example
    shutil.copytree(EXAMPLES / request.cls.example, folder)
    commands = [["-m", "llmops_health", "run", "--config", "llmops-health.yaml"]]
    if (folder / "prepare.py").exists():
        commands.insert(0, ["prepare.py"])
    own = {"DAGSTER_HOME", "LLMOPS_HEALTH_CONFIG"}
    environment = {name: value for name, value in os.environ.items() if name not in own}
    for command in commands:
        done = subprocess.run(
            [sys.executable, *command],
            check=False,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    connection = open_published(folder / "health.duckdb")
    assert connection.execute("select * from ingest__rejects").fetchall() == []
    yield Judged(connection)
    connection.close()


@pytest.mark.parametrize("name", NAMES)
def test_every_example_loads_and_is_told_of(name: str, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / name, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "llmops-health.yaml"
    for source in yaml.safe_load(path.read_text("utf-8"))["sources"]:
        assert not Path(source["path"]).is_absolute()
        file = tmp_path / source["path"].replace(f"${{{DATA_VARIABLE}}}/", "").replace("*", "any")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    loaded = config.load(path, {DATA_VARIABLE: str(tmp_path)})
    assert loaded.features
    assert {source.table for source in loaded.sources} >= {"calls"}
    assert f"[{name}]({name}/)" in (EXAMPLES / "README.md").read_text("utf-8")
    told = (EXAMPLES / name / "README.md").read_text("utf-8")
    assert all(word in told for word in ("Source", "Licence", "Times"))


class TestLLMDrift:
    """Chen, Zaharia and Zou (2023): the same questions before and after a change of version."""

    pytestmark = real
    example = "llmdrift"

    def test_accuracy_is_what_the_paper_reports(self, found: Judged) -> None:
        accuracy = found.shares(
            f"select response_model, avg({RIGHT}) {LABELLED} group by response_model"
        )
        # GPT-4: table of the paper. GPT-3.5: .496 and .762 there, which reads answers otherwise.
        assert accuracy == pytest.approx(
            {
                "gpt-4-0314": 0.840,
                "gpt-4-0613": 0.511,
                "gpt-3.5-turbo-0301": 0.500,
                "gpt-3.5-turbo-0613": 0.761,
            }
        )

    def test_the_new_version_says_no_to_nearly_everything(self, found: Judged) -> None:
        accuracy = found.shares(
            f"select label, avg({RIGHT}) {LABELLED}"
            " where response_model = 'gpt-4-0613' group by label"
        )
        assert accuracy["no"] > 0.95
        assert accuracy["yes"] < 0.07

    def test_answers_shrink_from_638_characters_to_4(self, found: Judged) -> None:
        length = found.shares(
            "select response_model, avg(n_output_chars) from core__calls"
            " where feature_id = 'primes-gpt-4' group by response_model"
        )
        assert length == pytest.approx({"gpt-4-0314": 638.3, "gpt-4-0613": 3.9}, abs=0.05)

    def test_the_switch_is_found_on_its_day_and_every_day_after(self, found: Judged) -> None:
        same_questions = found.failed_on("model_changed_silently", "primes-gpt-4", "length")
        assert (same_questions[0], same_questions[-1]) == ("2023-06-27", "2023-07-24")
        assert len(same_questions) == 28
        all_answers = found.failed_on("output_drift", "primes-gpt-4", "n_output_chars")
        assert all_answers[0] == "2023-06-28"
        assert found.verdicts("primes-gpt-4", "drift")["failing"] == 28

    def test_gpt_3_5_changes_its_format_and_not_its_length(self, found: Judged) -> None:
        days = found.failed_on("model_changed_silently", "primes-gpt-3.5", "format")
        assert "2023-06-27" <= days[0] <= "2023-07-03"
        assert days[-1] == "2023-07-24"
        assert found.failed_on("model_changed_silently", "primes-gpt-3.5", "length") == []

    def test_nothing_alarms_before_the_switch_and_inputs_never_do(self, found: Judged) -> None:
        early = found.rows(
            "select * from health__findings where status in ('WARN', 'FAIL')"
            " and day < date '2023-06-27' and mode not in ('ownership', 'bom')"
        )
        assert early == []
        assert found.alarms().isdisjoint({"input_drift", "input_embedding_drift", "feed_gap"})

    def test_code_that_runs_as_it_stands_falls(self, found: Judged) -> None:
        usable = found.shares(
            "select response_model, avg(score) from core__calls"
            " inner join core__feedback using (call_id) group by response_model"
        )
        assert usable == pytest.approx(
            {
                "gpt-4-0314": 0.52,
                "gpt-4-0613": 0.10,
                "gpt-3.5-turbo-0301": 0.22,
                "gpt-3.5-turbo-0613": 0.02,
            }
        )


class TestJHUTemperature:
    """Renze and Guven (2024): exam answers at temperatures 0 to 1.6."""

    pytestmark = real
    example = "jhu_temperature"

    def test_accuracy_by_temperature(self, found: Judged) -> None:
        accuracy = found.rows(
            f"select avg({RIGHT}) {LABELLED} where {REASONED}"
            " group by temperature order by temperature"
        )
        assert [round(float(str(share)), 2) for (share,) in accuracy] == [
            *(0.58, 0.65, 0.61, 0.61, 0.66, 0.61, 0.58, 0.62, 0.61, 0.66, 0.61),  # 0 to 1.0
            *(0.64, 0.59, 0.60, 0.56, 0.35, 0.05),  # 1.1 to 1.6
        ]

    def test_only_the_two_hottest_differ_after_control_for_many_tests(self, found: Judged) -> None:
        grid = np.array(
            found.rows(
                f"select {RIGHT} {LABELLED} where {REASONED} order by temperature, eval_case_id"
            ),
            dtype=np.float64,
        ).reshape(17, 100)
        p = [paired_change(hotter - grid[0]).p_t for hotter in grid[1:]]
        differs = benjamini_hochberg(p).adjusted < 0.05
        assert differs.tolist() == [False] * 14 + [True] * 2

    def test_at_temperature_0_all_samples_agree_and_half_are_wrong(self, found: Judged) -> None:
        [(confidence, accuracy)] = found.rows(
            f"select avg(confidence), avg({RIGHT}) {LABELLED} where temperature = 0"
            " and feature_id = 'exam-gpt-35-turbo-baseline' and confidence is not null"
        )
        assert float(str(confidence)) == pytest.approx(1.0, abs=0.005)
        assert float(str(accuracy)) < 0.6

    def test_agreement_with_itself_is_no_confidence(self, found: Judged) -> None:
        for name in ("gpt-35-turbo-baseline", "gpt-35-turbo-chain_of_thought"):
            assert found.failed_on("overconfidence", f"exam-{name}")[-1] == "2024-06-09"
            assert found.verdicts(f"exam-{name}", "calibration")["failing"] >= 1

    def test_three_days_are_too_few_for_drift(self, found: Judged) -> None:
        assert found.verdicts("exam-gpt-4-chain_of_thought", "drift") == {"no_evidence": 3}


class TestCleanlabIMDb:
    """Northcutt et al. (2021): a real sentiment classifier that is too sure of itself."""

    pytestmark = real
    example = "cleanlab_imdb"

    def test_numbers_of_the_classifier(self, found: Judged) -> None:
        conf, correct = found.confidence()
        assert len(conf) == 25_000
        assert correct.mean() == pytest.approx(0.8958, abs=5e-5)
        assert conf.mean() == pytest.approx(0.936, abs=5e-4)
        assert expected_calibration_error(conf, correct, 15) == pytest.approx(0.0404, abs=5e-5)

    def test_overconfidence_is_found(self, found: Judged) -> None:
        _, status, gap, n, _ = found.findings("overconfidence", "imdb-sentiment")[-1]
        assert (status, n) == ("FAIL", 25_000)
        assert float(str(gap)) == pytest.approx(0.0404, abs=5e-4)
        assert "failing" in found.verdicts("imdb-sentiment", "calibration")

    def test_laid_out_evenly_nothing_drifts(self, found: Judged) -> None:
        assert set(found.verdicts("imdb-sentiment", "drift")) == {"healthy", "no_evidence"}


class TestBanking77:
    """Casanueva et al. (2020): 77 intents, and a classifier that is less sure than it may be."""

    pytestmark = real
    example = "banking77"

    def test_numbers_of_the_classifier(self, found: Judged) -> None:
        conf, correct = found.confidence()
        assert len(conf) == 3_080
        # scikit-learn's own solver moves the third digit between versions.
        assert correct.mean() == pytest.approx(0.9075, abs=0.005)
        assert expected_calibration_error(conf, correct, 15) == pytest.approx(0.0475, abs=0.005)
        assert conf.mean() < correct.mean()

    def test_it_is_not_overconfident_but_off(self, found: Judged) -> None:
        assert found.statuses("overconfidence", "banking-intents").isdisjoint({"WARN", "FAIL"})
        assert found.findings("miscalibration", "banking-intents")[-1][1] == "WARN"
        assert "failing" not in found.verdicts("banking-intents", "calibration")

    def test_laid_out_evenly_nothing_drifts(self, found: Judged) -> None:
        assert set(found.verdicts("banking-intents", "drift")) == {"healthy", "no_evidence"}


class TestAider:
    """The published event log of a coding assistant, five months of mostly one person."""

    pytestmark = real
    example = "aider"

    def test_undos_per_hundred_answers(self, found: Judged) -> None:
        per_month = "select strftime(day, '%Y-%m') as month, count(*)"
        sends = found.shares(f"{per_month} from core__calls where error_type is null group by 1")
        undos = found.shares(f"{per_month} from core__feedback group by 1")
        rates = {month: round(100 * undos[month] / n, 1) for month, n in sends.items()}
        assert rates == {
            "2024-11": 4.4,
            "2024-12": 7.1,
            "2025-01": 4.8,
            "2025-02": 6.2,
            "2025-03": 9.1,
        }

    def test_errors_of_november_are_mostly_one(self, found: Judged) -> None:
        errors = found.shares(
            "select error_type, count(*) from core__calls where error_type is not null"
            " and day < date '2024-12-01' group by error_type"
        )
        assert errors == {"certificate": 15, "other": 11}

    def test_one_call_of_three_dollars_is_named_and_raises_no_alarm(self, found: Judged) -> None:
        found_on = {day: rest for day, *rest in found.findings("service_drift", "aider")}
        status, *_, message = found_on["2024-12-13"]
        assert status == "PASS"
        assert "one call cost 2.74 USD" in str(message)
        assert found.statuses("service_drift", "aider", "cost_usd") == set()

    def test_silences_are_found(self, found: Judged) -> None:
        assert "2025-02-12" in found.failed_on("service_drift", "aider", "calls")
        assert found.statuses("feed_gap", "aider", "hole") == {"WARN"}

    def test_the_change_of_model_in_march_shows_in_the_answers(self, found: Judged) -> None:
        said = [
            str(message)
            for day, status, _, _, message in found.findings("output_drift", "aider")
            if status == "WARN" and "2025-03-10" <= str(day) <= "2025-03-20"
        ]
        assert said
        assert all("claude-3-7-sonnet" in message for message in said)


class TestAzure:
    """Patel et al. (2024): one hour of a chat service, times and token counts only."""

    pytestmark = real
    example = "azure"

    def test_tokens(self, found: Judged) -> None:
        assert found.rows(
            "select count(*), median(input_tokens), median(output_tokens) from core__calls"
        ) == [(19_366, 1020, 129)]

    def test_what_cannot_be_known_is_not_called_healthy(self, found: Judged) -> None:
        assert found.verdicts("azure-chat", "drift") == {"no_evidence": 1}
        assert found.verdicts("azure-chat", "calibration") == {"not_applicable": 1}
        assert found.verdicts("azure-chat", "eval_rot") == {"not_applicable": 1}
        assert found.alarms() == set()
        for check_name in ("miscalibration", "input_embedding_drift", "divergence"):
            assert found.statuses(check_name, "azure-chat") == {"NOT_APPLICABLE"}


class TestRAGChat:
    """Two eval runs over the same questions, with a change of prompt that changed nothing."""

    pytestmark = real
    example = "rag_chat"

    def test_two_runs_of_200_questions_with_the_published_means(self, found: Judged) -> None:
        runs = found.rows(
            "select eval_run_id, count(*), round(1 + 4 * avg(score), 2),"
            " count(case when passed then 1 end) from core__eval_results"
            " inner join core__eval_runs using (eval_run_id) group by 1 order by 1"
        )
        assert runs == [("baseline", 200, 4.87, 193), ("prompt_nomarkdownmention", 200, 4.9, 194)]
        relevance = found.shares(
            "select split_part(call_id, '/', 1), round(1 + 4 * avg(score), 2)"
            " from core__feedback group by 1"
        )
        assert relevance == {"baseline": 4.92, "prompt_nomarkdownmention": 4.9}

    def test_nothing_alarms(self, found: Judged) -> None:
        assert found.alarms() == set()
        assert found.verdicts("rag-chat", "eval_rot") == {"healthy": 1}

    def test_a_question_that_is_asked_twice_is_seen(self, found: Judged) -> None:
        _, status, share, n, _ = found.findings("redundant_cases", "rag-chat")[-1]
        assert (status, n) == ("PASS", 200)
        assert float(str(share)) == pytest.approx(0.01)
