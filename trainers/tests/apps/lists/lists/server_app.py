import numpy as np
from flwr.common import Context, ndarrays_to_parameters
from flwr.server import ServerApp, ServerAppComponents, ServerConfig
from flwr.server import strategy as strategies

from lists.task import LAYERS


def server_fn(context: Context):
    arrays = [np.zeros((2, 2), np.float32)] * LAYERS + [np.zeros((10, 64), np.float32), np.zeros(10, np.float32)]
    rate = context.run_config["learning-rate"]
    strategy = getattr(strategies, context.run_config["strategy"])(
        initial_parameters=ndarrays_to_parameters(arrays), on_fit_config_fn=lambda number: {"lr": rate, "round": number}
    )
    rounds = context.run_config["num-server-rounds"]
    return ServerAppComponents(strategy=strategy, config=ServerConfig(num_rounds=rounds))


app = ServerApp(server_fn=server_fn)
