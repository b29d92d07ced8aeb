"""Asks a server by tritonclient's HTTP clients and prints what came back, for test/serve/tritonclient.test.ts.

usage: askByTritonclient.py HOST:PORT < {"model": …, "rows": […], "draws": …} > answers
"""

import asyncio
import json
import sys

import numpy as np
import tritonclient.http as sync
import tritonclient.http.aio as aio


def inputs_of(http, rows, datatype, binary):
    x = http.InferInput("x", list(rows.shape), datatype)
    x.set_data_from_numpy(rows, binary_data=binary)
    return [x]


def outputs_of(http, names, binary):
    return [http.InferRequestedOutput(name, binary_data=binary) for name in names]


def read(result, names):
    arrays = {name: result.as_numpy(name) for name in names}
    return {
        name: [value.decode() if isinstance(value, bytes) else value for value in array.ravel().tolist()]
        for name, array in arrays.items()
    }


async def main():
    url = sys.argv[1]
    asked = json.load(sys.stdin)
    model, names = asked["model"], asked["outputs"]
    parameters = {"draws": asked["draws"]}
    answers = {}
    async with aio.InferenceServerClient(url) as later:
        now = sync.InferenceServerClient(url, concurrency=4)
        assert now.is_server_live() and now.is_server_ready() and now.is_model_ready(model)
        assert await later.is_server_live() and await later.is_model_ready(model, "1")
        assert now.get_server_metadata()["name"] == "varpool"
        assert now.get_model_metadata(model)["inputs"][0]["name"] == "x"
        for datatype, dtype in (("FP32", np.float32), ("FP64", np.float64)):
            rows = np.array(asked["rows"], dtype=dtype)
            for binary in (True, False):
                for compression in (None, "gzip", "deflate"):
                    options = dict(
                        request_id="7",
                        parameters=parameters,
                        request_compression_algorithm=compression,
                        response_compression_algorithm=compression,
                    )
                    key = f"{datatype} {'binary' if binary else 'JSON'} {compression or 'plain'}"
                    result = now.infer(
                        model,
                        inputs_of(sync, rows, datatype, binary),
                        outputs=outputs_of(sync, names, binary),
                        **options,
                    )
                    assert result.get_response()["id"] == "7"
                    answers["sync " + key] = read(result, names)
                    result = await later.infer(
                        model,
                        inputs_of(aio, rows, datatype, binary),
                        outputs=outputs_of(aio, names, binary),
                        **options,
                    )
                    answers["aio " + key] = read(result, names)
            result = now.infer(model, inputs_of(sync, rows, datatype, True), parameters=parameters)
            answers[f"sync {datatype} no outputs named"] = read(result, asked["defaults"])
            many = [now.async_infer(model, inputs_of(sync, rows, datatype, True), parameters=parameters) for _ in range(8)]
            for n, pending in enumerate(many):
                answers[f"sync {datatype} async {n}"] = read(pending.get_result(), asked["defaults"])
        try:
            now.infer(model, inputs_of(sync, rows, datatype, True), parameters={"drawz": 3})
        except sync.InferenceServerException if hasattr(sync, "InferenceServerException") else Exception as error:
            answers["error"] = {"message": [str(error)]}
        names_of = lambda index: sorted(entry["name"] for entry in index)
        assert model in names_of(now.get_model_repository_index())
        assert now.get_inference_statistics(model)["model_stats"][0]["inference_stats"]["success"]["count"] > 20
        now.unload_model(model)
        assert not now.is_model_ready(model)
        now.load_model(model)
        assert now.is_model_ready(model)
    print(json.dumps(answers))


asyncio.run(main())
