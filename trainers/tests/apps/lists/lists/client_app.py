"""The older form: client_fn and NumPyClient, whose arrays have places and no names."""

import numpy as np
from flwr.client import ClientApp, NumPyClient
from flwr.common import Context

from lists.task import LAYERS, fit, load_data, score


class Client(NumPyClient):
    def __init__(self, rows, held_out, run):
        self.rows, self.held_out, self.run = rows, held_out, run

    def fit(self, parameters, config):
        print("fit", config)
        assert config["round"] == config["server-round"]
        arrays = [array.copy() for array in parameters]
        for place in range(LAYERS):
            arrays[place] += np.float32(place)
        fit(arrays[LAYERS], arrays[LAYERS + 1], *self.rows, config["lr"], self.run["local-epochs"])
        return arrays, len(self.rows[0]), {"note": "a text"}

    def evaluate(self, parameters, config):
        loss, accuracy = score(*parameters[LAYERS:], *self.held_out)
        return loss, len(self.held_out[0]), {"accuracy": accuracy}


def client_fn(context: Context):
    config = context.node_config
    rows, held_out = load_data(config["data-path"], config["partition-id"], config["num-partitions"])
    return Client(rows, held_out, context.run_config).to_client()


app = ClientApp(client_fn=client_fn)
