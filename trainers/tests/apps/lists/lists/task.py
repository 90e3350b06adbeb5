import numpy as np

LAYERS = 12


def load_data(path, part, parts):
    with np.load(path) as archive:
        x, y = archive["x"][part::parts], archive["y"][part::parts]
    cut = len(x) * 4 // 5
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def softmax(weight, bias, x):
    scores = x @ weight.T + bias
    share = np.exp(scores - scores.max(1, keepdims=True))
    return share / share.sum(1, keepdims=True)


def fit(weight, bias, x, y, lr, epochs):
    """Plain gradient descent; the order of rows comes from NumPy's own generator, as in many apps."""
    for _ in range(epochs):
        for rows in np.array_split(np.random.permutation(len(x)), max(1, len(x) // 32)):
            share = softmax(weight, bias, x[rows])
            share[np.arange(len(rows)), y[rows]] -= 1
            weight -= (lr / len(rows) * share.T @ x[rows]).astype(np.float32)
            bias -= (lr * share.mean(0)).astype(np.float32)


def score(weight, bias, x, y):
    share = softmax(weight, bias, x)
    loss = -np.log(share[np.arange(len(y)), y] + 1e-9).mean()
    return float(loss), float((share.argmax(1) == y).mean())
