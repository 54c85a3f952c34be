"""Methods x sets x seeds -> JSONL -> tables."""

from syncline.experiments.bench_config import BenchConfig, config_names, read_bench
from syncline.experiments.given_weights import rows_with_weights
from syncline.experiments.result_tables import as_csv, as_latex, as_markdown, make_tables
from syncline.experiments.run_bench import run_bench, write_tables

__all__ = [
    "BenchConfig",
    "as_csv",
    "as_latex",
    "as_markdown",
    "config_names",
    "make_tables",
    "read_bench",
    "rows_with_weights",
    "run_bench",
    "write_tables",
]
