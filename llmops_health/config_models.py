"""The keys of the configuration file: their types, defaults and meaning.

What a key means is said in its description, which editors show; the rules of values are in
`config_rules.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    SecretStr,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from llmops_health.config_errors import Origin
from llmops_health.config_rules import (
    DEFAULT_FILE,
    ColumnName,
    Count,
    Day,
    Days,
    ErrorName,
    Expression,
    Format,
    Kind,
    Mode,
    NotNegative,
    Positive,
    Probability,
    Reading,
    Table,
    cron_line,
    engine_shape,
    error_name,
    feature_id,
    known_format,
    memory_size,
    one_or_many,
    path_from_root,
    source_path,
    spark_address,
    tidy_error_costs,
)


class Section(BaseModel):
    """A mapping of the file: frozen, closed to unknown keys, null where a key is not set."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_set(cls, data: object) -> object:
        # A key whose lines are all commented out is null in YAML.
        if not isinstance(data, Mapping):
            return data
        has_default = {
            key
            for key, info in cls.model_fields.items()
            if not info.is_required() and info.default is not None
        }
        return {k: v for k, v in data.items() if not (v is None and k in has_default)}


class Storage(Section):
    """Where results are kept."""

    path: Annotated[Path, AfterValidator(path_from_root)] = Field(
        default=Path("health.duckdb"), validate_default=True, description="The DuckDB file."
    )
    memory_limit: Annotated[str, AfterValidator(memory_size)] | None = Field(
        default=None,
        description="Memory that DuckDB may take in a run, such as 2GB; what is more goes to disk."
        " Left out: 80 % of the machine's.",
    )


class Spark(Section):
    """Spark Connect reduces logs where they lie."""

    # Out of repr: an address may carry a token.
    spark: Annotated[str, AfterValidator(spark_address)] = Field(
        repr=False, description="Spark Connect address, sc://host:15002."
    )


class Privacy(Section):
    """What is kept of people's text and ids."""

    content: Literal["none", "redacted", "full"] = Field(
        default="redacted", description="What is kept of prompts and outputs."
    )
    user_id_key: SecretStr = Field(
        default=SecretStr(""),
        description="HMAC key of user and rater ids; empty: one is made once, beside the storage.",
    )


class Retention(Section):
    """Days counted back from the newest day in the data."""

    contents: Days = Field(default=30, description="Days prompts and outputs are kept.")
    calls: Days = Field(default=400, description="Days rows of calls are kept.")


class Review(Section):
    """The review queue of a feature."""

    queue: str | None = Field(default=None, description="Name of the queue (queue_id of reviews).")
    sla_hours: Positive | None = Field(default=None, description="Hours to a decision.")
    reviewers: Count | None = Field(default=None, description="People who review.")


class Slo(Section):
    """What a feature has promised."""

    p95_latency_ms: Positive | None = Field(default=None, description="95th percentile, ms.")
    cost_usd_per_1k_calls: NotNegative | None = Field(default=None, description="USD.")


class Feature(Section):
    """One thing a model does for users. Only `id` and `kind` are required."""

    listed: ClassVar[bool] = True  #: False for a feature seen in the data and not in the file.

    id: Annotated[str, AfterValidator(feature_id)] = Field(description="feature_id in the data.")
    kind: Kind = Field(description="What the feature does.")
    name: str | None = Field(default=None, description="Name for people.")
    owner: str | None = Field(default=None, description="Who answers for the feature.")
    launched_on: Day | None = Field(default=None, description="First day in production.")
    lifecycle: Literal["experimental", "beta", "production", "deprecated", "retired"] | None = (
        Field(default=None, description="Stage of life.")
    )
    risk_tier: Literal["low", "medium", "high"] | None = Field(
        default=None, description="How much harm an error can do."
    )
    repository: str | None = Field(default=None, description="Address of the code.")
    runbook_url: str | None = Field(default=None, description="What to do when it fails.")
    last_reviewed_on: Day | None = Field(default=None, description="Last review by its owner.")
    trained_on: Day | None = Field(
        default=None,
        description="Last (re)training of the model behind it; null for a hosted model.",
    )
    maintenance_hours_per_month: NotNegative | None = Field(
        default=None, description="Hours people spend on it a month."
    )
    eval_suites: tuple[str, ...] = Field(default=(), description="suite_id of its eval suites.")
    target_capability: str | None = Field(
        default=None, description="What a fine-tune was for; every other capability must not fall."
    )
    out_of_scope_label: str | None = Field(default=None, description="Label of what it refuses.")
    confidence_gate: Probability | None = Field(
        default=None, description="At or above: acted on without a person."
    )
    error_costs: Annotated[dict[ErrorName, NotNegative], AfterValidator(tidy_error_costs)] = Field(
        default_factory=dict, description='Cost of "true->predicted", and default.'
    )
    review: Review | None = Field(default=None, description="Its review queue.")
    slo: Slo | None = Field(default=None, description="Its latency and cost objectives.")

    @classmethod
    def unlisted(cls, feature_id: str) -> Feature:
        """Return what is known of a feature that is in the data and not in the file.

        Its kind is `generation`, the kind of which the least is asked. The id is taken as it is.
        """
        return _Unlisted.model_construct(id=feature_id, kind="generation")

    def error_cost(self, true: str, predicted: str) -> float:
        """Return the cost of taking `true` for `predicted`: its own, else the default, else 1."""
        cost = self.error_costs.get(error_name(f"{true}->{predicted}"))
        return self.error_costs.get("default", 1.0) if cost is None else cost


class _Unlisted(Feature):
    listed: ClassVar[bool] = False


class Source(Section):
    """Files of one table."""

    table: Table = Field(description="The table its rows belong to.")
    format: Annotated[Format, BeforeValidator(known_format)] = Field(
        description="How the files are written; gz and zst are told by the suffix. Documents of"
        " other tools (cyclonedx, mcp, hf-card, dvc-lock, backstage, codeowners, lockfile) have"
        " rows of components and component_edges: a source names one table."
    )
    path: Annotated[
        tuple[Annotated[str, AfterValidator(source_path)], ...],
        BeforeValidator(one_or_many),
        WithJsonSchema(
            {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
        ),
    ] = Field(description="A file, a glob, or a list of them; relative to this file.")
    columns: dict[ColumnName, Expression] = Field(
        default_factory=dict,
        description="Where names differ: a column of the table: a SQL expression over the file's.",
    )
    where: Expression | None = Field(
        default=None,
        description="Which rows of the files belong to the table: a SQL condition; others are left"
        " out, not refused. For files that mix kinds of rows.",
    )
    feature_id: Expression | None = Field(
        default=None,
        description="Feature of every row: the id of a listed feature, or a SQL expression.",
    )

    @model_validator(mode="after")
    def _feature_id_is_a_column(self, info: ValidationInfo) -> Source:
        if self.feature_id is not None:
            listed = info.context.feature_ids if isinstance(info.context, Reading) else set()
            constant = "'" + self.feature_id.replace("'", "''") + "'"
            expression = constant if self.feature_id in listed else self.feature_id
            self.columns.setdefault("feature_id", expression)
        return self


def _no_parameters(value: object) -> object:
    return {} if value is None else value


_Parameters = Annotated[dict[str, object], BeforeValidator(_no_parameters)]
_Checks = Annotated[dict[str, _Parameters], BeforeValidator(_no_parameters)]


class Config(Section):
    """What to watch and how. `load` of `config.py` makes it from a file."""

    storage: Storage = Field(default_factory=Storage)
    engine: Annotated[
        Annotated[Literal["duckdb"], Tag("duckdb")] | Annotated[Spark, Tag("spark")],
        Discriminator(lambda value: "duckdb" if isinstance(value, str) else "spark"),
        BeforeValidator(engine_shape),
    ] = Field(default="duckdb", description="Who reduces logs to summaries.")
    privacy: Privacy = Field(default_factory=Privacy)
    retention_days: Retention = Field(default_factory=Retention)
    schedule: Annotated[str, AfterValidator(cron_line)] = Field(
        default="15 2 * * *", description="When the nightly run starts: cron, UTC."
    )
    # Before sources: a source's feature_id is a constant where it names one of these.
    features: tuple[Feature, ...] = Field(default=(), description="The features to watch.")
    sources: tuple[Source, ...] = Field(default=(), description="Where their rows come from.")
    checks: dict[Mode, _Checks] = Field(
        default_factory=dict, description="Parameters of checks, by mode and check."
    )

    _origin: Origin = PrivateAttr(default_factory=lambda: Origin(DEFAULT_FILE))
    _warnings: list[str] = PrivateAttr(default_factory=list)

    def model_post_init(self, context: object, /) -> None:
        """Keep where the values came from."""
        if isinstance(context, Reading):
            self._origin = context.origin
            self._warnings = context.warnings

    @property
    def origin(self) -> Origin:
        """The file, and the line of each key."""
        return self._origin

    @property
    def file(self) -> Path:
        """The file the configuration was read from."""
        return self._origin.file

    @property
    def root(self) -> Path:
        """Folder of the file, which relative paths start from."""
        return self._origin.file.absolute().parent

    @property
    def warnings(self) -> list[str]:
        """What is odd but allowed: patterns that match no file yet."""
        return self._warnings

    def feature(self, feature_id: str) -> Feature:
        """Return the feature of this id, or what is known of one that is not in the file."""
        listed = (feature for feature in self.features if feature.id == feature_id)
        return next(listed, None) or Feature.unlisted(feature_id)
