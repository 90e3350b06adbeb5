import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp import strategy as strategies

from named.task import LAYERS

app = ServerApp()


class OwnRules(strategies.FedAvg):
    pass


@app.main()
def main(grid: Grid, context: Context) -> None:
    arrays = {f"layer.{place}": np.zeros((2, 2), np.float32) for place in range(LAYERS)}
    arrays |= {
        "head.weight": np.zeros((10, 64), np.float32),
        "head.bias": np.zeros(10, np.float32),
        "norm.running_mean": np.zeros(3, np.float32),
        "norm.num_batches_tracked": np.array(5, np.int64),
    }
    name = context.run_config["strategy"]
    strategy = OwnRules() if name == "own" else getattr(strategies, name)()
    record = ArrayRecord({name: Array(array) for name, array in arrays.items()})
    strategy.start(
        grid=grid,
        initial_arrays=record,
        num_rounds=context.run_config["num-server-rounds"],
        train_config=ConfigRecord({"lr": context.run_config["learning-rate"]}),
        evaluate_config=ConfigRecord({"note": "a"}),
    )
