"""What was played, in numbers: by game, and how long the shop took."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Count
from rich.table import Table

from pgs_data.sharding.slots import node_aliases
from pgs_task.shoppers.measurements import Measurements
from pgs_task.simulation.findings import Findings
from pgs_task.simulation.player import SHOP
from pgs_web.plays.stories import HELP, START, Outcome
from pgs_web.trade.coupon.models import Coupon
from pgs_web.trade.coupon.states import CouponState

MEMBERS_A_QUERY = 500
# A bug, or nothing behind the proxy; 503 is a word of the shop's own, and was asked again.
BROKEN = frozenset({"server_error", "500", "501", "502", "504"})


def complain_of_breakdowns(measurements: Measurements, findings: Findings) -> None:
    """An answer that is nobody's word is a finding, whoever got it and however it went on."""
    for call, codes in measurements.codes.items():
        for code in sorted(BROKEN & codes.keys()):
            findings.complain(f"{call}: {code} × {codes[code]}")


def count_coupons(member_ids: Sequence[int]) -> dict[str, dict[str, int]]:
    """Issuer → state → coupons of these members; a query a node and some hundred members."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for issuer, state, count in _count_by_state(member_ids):
        counted[issuer][state] += count
    return {issuer: dict(states) for issuer, states in sorted(counted.items())}


def make_report(
    *,
    findings: Findings,
    measurements: Measurements,
    games: Collection[str],
    seconds: float,
    coupons: Mapping[str, Mapping[str, int]],
    left_out: Mapping[str, int],
) -> dict[str, Any]:
    """Plain values; latencies in milliseconds. Acts that no game asked for itself are the shop's."""
    acts: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for call in sorted(measurements.seconds):
        owner, _, act = call.partition(" ")
        if owner not in {*games, SHOP}:
            owner, act = SHOP, call
        figures = (round(figure, 1) for figure in measurements.milliseconds(call))
        answers = dict(measurements.codes[call].most_common())
        acts[owner][act] = {"answers": answers, "milliseconds": dict(zip(("p50", "p95", "p99"), figures, strict=True))}
    requests = sum(codes.total() for codes in measurements.codes.values())
    return {
        "games": {
            game: {**_summary(findings.outcomes[game], acts[game], coupons.get(game, {})), "acts": acts[game]}
            for game in [*sorted(games), SHOP]
        },
        "coupons": {issuer: dict(states) for issuer, states in coupons.items()},
        "requests": requests,
        "seconds": round(seconds, 1),
        "requests_per_second": round(requests / seconds, 1) if seconds else 0.0,
        "rows_left_out": dict(left_out),
        "complaints": findings.complaints,
        "complaints_told": list(findings.told),
    }


def make_tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """The report for a terminal: what was played and refused, then times."""
    games = report["games"]
    yield games_table(games)
    times = Table(title="Milliseconds", title_justify="left")
    for column in ("game", "act"):
        times.add_column(column)
    for column in ("requests", "p50", "p95", "p99"):
        times.add_column(column, justify="right")
    for game, figures in games.items():
        for act, said in figures["acts"].items():
            shares = (f"{figure:,.1f}" for figure in said["milliseconds"].values())
            times.add_row(game, act, f"{sum(said['answers'].values()):,}", *shares)
    yield times


def games_table(games: Mapping[str, Any]) -> Table:
    """A column a game, a row a figure, then what each was refused by code."""
    table = Table(title="Games", title_justify="left")
    table.add_column("")
    for game in games:
        table.add_column(game, justify="right")
    names = dict.fromkeys(name for figures in games.values() for name in figures if name != "acts")
    for name in names:
        values = (figures.get(name) for figures in games.values())
        table.add_row(name.replace("_", " "), *("" if value is None else f"{value:,}" for value in values))
    refused = {game: _refusals(figures["acts"]) for game, figures in games.items()}
    for code in sorted({code for codes in refused.values() for code in codes}):
        table.add_row(f"refused: {code}", *(f"{codes[code]:,}" if codes[code] else "" for codes in refused.values()))
    return table


def _refusals(acts: Mapping[str, Any]) -> Counter[str]:
    codes: Counter[str] = Counter()
    for said in acts.values():
        codes.update({code: count for code, count in said["answers"].items() if not code.isdecimal()})
    return codes


def _summary(
    outcomes: Mapping[str, int], acts: Mapping[str, Mapping[str, Any]], coupons: Mapping[str, int]
) -> dict[str, int]:
    helps = Counter(acts.get(HELP, {}).get("answers", {}))
    starts = Counter(acts.get(START, {}).get("answers", {}))
    taken = _taken(helps)
    figures = {
        "starts_refused": starts.total() - _taken(starts),
        "helps_tried": helps.total(),
        "helps_taken": taken,
        "helps_refused": helps.total() - taken,
        "coupons_issued": sum(coupons.values()),
        "coupons_used": coupons.get(CouponState.USED, 0),
    }
    return {**{name: outcomes.get(name, 0) for name in (*Outcome, *sorted(set(outcomes) - set(Outcome)))}, **figures}


def _taken(answers: Counter[str]) -> int:
    return sum(count for code, count in answers.items() if code.isdecimal())


def _count_by_state(member_ids: Sequence[int]) -> Iterator[tuple[str, str, int]]:
    for start in range(0, len(member_ids), MEMBERS_A_QUERY):
        some = member_ids[start : start + MEMBERS_A_QUERY]
        for alias in node_aliases():
            rows = Coupon.objects.on_node(alias).filter(member_id__in=some).values_list("issuer", "state")
            yield from rows.annotate(count=Count("id")).order_by()
