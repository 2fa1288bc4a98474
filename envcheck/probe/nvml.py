"""What NVML says: a self-contained script, run as a child because a sick driver can hang in it for ever.

Raises nothing: what cannot be read is left out, and why is the row's `trouble`.
"""


def main(report, arguments):
    # type: (object, object) -> None
    """Report one row: `driver`, `fabric`, `gpus`, or `trouble`."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception as error:
        report({"trouble": "NVML: %s" % error})
        return
    row = {"driver": _ask(pynvml.nvmlSystemGetDriverVersion)}
    row["fabric"] = _fabric(pynvml)
    row["gpus"] = [_gpu(pynvml, number) for number in range(_ask(pynvml.nvmlDeviceGetCount) or 0)]
    report(row)


def _gpu(pynvml, number):
    # type: (object, int) -> dict
    try:
        handle = pynvml.nvmlDeviceGetHandleByIndex(number)
    except Exception as error:
        return {"name": None, "trouble": str(error)}
    capability = _ask(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, handle)
    return {
        "name": _ask(pynvml.nvmlDeviceGetName, handle),
        "capability": "%d.%d" % tuple(capability) if capability else None,
        "memory_mib": memory.total >> 20 if memory else None,
    }


def _fabric(pynvml):
    # type: (object) -> object
    """How far the first GPU's fabric is set up (`NVML_GPU_FABRIC_STATE_*`); None where it failed, or NVML or the binding does not know."""
    import ctypes

    try:
        info = pynvml.c_nvmlGpuFabricInfo_t()
        pynvml.nvmlDeviceGetGpuFabricInfo(pynvml.nvmlDeviceGetHandleByIndex(0), ctypes.byref(info))
        return None if info.status else int(info.state)
    except Exception:
        return None


def _ask(question, *arguments):
    # type: (object, *object) -> object
    try:
        answer = question(*arguments)
    except Exception:
        return None
    # nvidia-ml-py before 11.5 answers in bytes.
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
