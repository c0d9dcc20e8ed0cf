"""`Scripts/chaos`: the chaos run at length, seed after seed: `long.py [--seeds 1,2,3 | --rounds N] [--kills 200] [--rate 50]`.

Two brokers, two gateways and four nodes; every link between them goes over a relay. Ends at the first run that broke a promise,
with its seed and where everything of it is kept."""

import argparse
import pathlib
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import estiba  # noqa: E402
from chaos import campaign, parts  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=lambda text: [int(each) for each in text.split(",")])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=240)
    chosen = parser.parse_args()
    print("seed        kills  faults  submissions  executions  violations")
    for seed in chosen.seeds or range(1, chosen.rounds + 1):
        if not run(seed, chosen):
            return 1
    return 0


def run(seed, chosen):
    volumes = ["node1", "gateway1"] if estiba.IS_ROOT else []
    if not volumes:
        print("(skipped: file systems that are full need root)")
    # Full only when a fault fills it: what is kept of each submission has room.
    mebibytes = 64 + int(chosen.seconds * chosen.rate) // 40
    there = parts.Parts(seed, brokers=2, gateways=2, nodes=4, volumes=volumes, mebibytes=mebibytes)
    try:
        round = campaign.Campaign(
            there, seed, chosen.seconds, chosen.rate, chosen.kills, supervisors=chosen.kills // 20, disks=volumes)
        violations = round.run()
        faults = round.history.of("fault")
        kills = sum(fault["fault"] == "kill" for fault in faults)
        print(f"{seed:<10}  {kills:5}  {len(faults) - kills:6}  {len(round.operations):11}  "
              f"{len(round.evidence.executions):10}  {len(violations):10}")
        print(f"            {round.said()}", flush=True)
        if violations:
            print("\n".join(violations[:50]))
            print(f"Again by: Scripts/chaos --seeds {seed}; everything is in {keep(round, there)}")
        return not violations
    finally:
        there.stop()


def keep(round, there):
    """What is left of a run that broke a promise: history, ledger, the parts' logs."""
    kept = pathlib.Path(tempfile.mkdtemp(prefix="estiba-chaos-failed-"))
    round.history.keep(kept / "history")
    shutil.copy(there.ledger.path, kept)
    shutil.copytree(there.logs, kept / "log")
    return kept


if __name__ == "__main__":
    sys.exit(main())
