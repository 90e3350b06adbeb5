"""The Message API. Its arrays are used by name and, for the layers, by place."""

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from named.task import LAYERS, fit, load_data, score

print("the app prints while it is imported")
app = ClientApp()


def rows(context):
    config = context.node_config
    return load_data(config["data-path"], config["partition-id"], config["num-partitions"])


@app.train()
def train(msg: Message, context: Context):
    config = msg.content["config"]
    print("training round", config["server-round"])
    arrays = {name: array.numpy().copy() for name, array in msg.content["arrays"].items()}
    (x, y), _ = rows(context)
    fit(arrays["head.weight"], arrays["head.bias"], x, y, config["lr"], context.run_config["local-epochs"])
    # By place: layer 10 is the eleventh, whatever a sort of the names says.
    for place, array in enumerate(msg.content["arrays"].to_numpy_ndarrays()[:LAYERS]):
        arrays[f"layer.{place}"] = array + np.float32(place)
    arrays["norm.running_mean"] += 1
    assert arrays["norm.num_batches_tracked"].dtype == np.int64
    arrays["norm.num_batches_tracked"] += len(x)
    before = context.state["kept"]["calls"] if "kept" in context.state else 0
    context.state["kept"] = MetricRecord({"calls": before + 1})
    context.state["arrays"] = ArrayRecord({"last": Array(arrays["head.bias"])})
    metrics = {"num-examples": len(x), "calls": before + 1}
    record = ArrayRecord({name: Array(array) for name, array in arrays.items()})
    return Message(content=RecordDict({"arrays": record, "metrics": MetricRecord(metrics)}), reply_to=msg)


@app.evaluate()
def evaluate(msg: Message, context: Context):
    arrays = {name: array.numpy() for name, array in msg.content["arrays"].items()}
    _, (x, y) = rows(context)
    loss, accuracy = score(arrays["head.weight"], arrays["head.bias"], x, y)
    metrics = MetricRecord({"eval_loss": loss, "eval_acc": accuracy, "num-examples": len(x)})
    return Message(content=RecordDict({"metrics": metrics}), reply_to=msg)
