"""Faults to put into the core, each against a rule of the contract. A test that cannot see one of them is no proof."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """Replace `old`, which occurs once in `file`, by `new`."""

    name: str
    file: str
    old: str
    new: str


MUTATIONS = [
    Mutation(
        "a poked count wraps around (D12)",
        "append.h",
        "return index <= trace->capacity && k <= trace->capacity - index;",
        "return index + k <= trace->capacity;",
    ),
    Mutation(
        "a batch goes into a device that was stopped (D7)",
        "section.c",
        """    if (mode != KCOV_MODE_NONE && device->state == KCOV_TRACE &&
        kcov_event_mode(&device->trace) == mode)
""",
        "    if (mode != KCOV_MODE_NONE && device->trace.capacity > 0)\n",
    ),
    Mutation(
        "a nested interrupt section takes effect (D11)",
        "section.c",
        "return context == KCOV_THREAD_CONTEXT || thread->stacks[context].effective == NULL;",
        "return context == KCOV_THREAD_CONTEXT || thread != NULL;",
    ),
    Mutation(
        "what overflowed an interrupt buffer is not counted (D17)",
        "trace.c",
        "    if (lost > 0)\n",
        "    if (lost > 0 && count == 0)\n",
    ),
    Mutation(
        "dropped is not reset by enable (D17)",
        "enable.c",
        "    atomic_store_explicit(device->trace.dropped, 0, memory_order_relaxed);\n",
        "",
    ),
    Mutation(
        "the own device comes before the section (R3)",
        "thread.c",
        "return section != NULL ? kcov_handle_device(section->handle) : thread->own;",
        "return thread->own != NULL || section == NULL ? thread->own : kcov_handle_device(section->handle);",
    ),
    Mutation(
        "a device can be enabled again while old sections are open (D4)",
        "enable.c",
        "    device->state = KCOV_STOPPING;\n",
        "    device->state = KCOV_READY;\n",
    ),
    Mutation(
        "enable looks at the state before the caller (order of checks)",
        "enable.c",
        """    if (kcov_thread_device() != NULL && !device->follows)
        return EBUSY;
    if (device->state != KCOV_READY)
        return ENXIO;
""",
        """    if (device->state != KCOV_READY)
        return ENXIO;
    if (kcov_thread_device() != NULL && !device->follows)
        return EBUSY;
""",
    ),
    Mutation(
        "who sleeps holds on to its other sections (R1)",
        "handle.c",
        """    if (kcov_self.thread != NULL)
        kcov_sections_leave_all(kcov_self.thread);
""",
        "",
    ),
    Mutation(
        "only one of those who wait for a handle is woken (D15)",
        "wait.c",
        "    for (; sleeper != NULL; sleeper = sleeper->next) {\n",
        "    for (bool first = true; sleeper != NULL && first; sleeper = sleeper->next, first = false) {\n",
    ),
    Mutation(
        "a dying device stays with its owner (D13)",
        "device.c",
        "    if (thread != NULL && thread->own != NULL && thread->own->state == KCOV_DYING)\n",
        "    if (thread != NULL && thread->own != NULL && thread->own->references == 0)\n",
    ),
    Mutation(
        "unregister leaves the device in trace (D14)",
        "handle.c",
        "    if (device->open)\n        kcov_device_ready(device);\n    else\n",
        "    if (!device->open)\n",
    ),
    Mutation(
        "the last word lies behind what can be mapped (D2)",
        "device.c",
        "(uint64_t)offset >= KCOV_INFO_OFFSET(device->nmemb)",
        "(uint64_t)offset >= 8 * device->nmemb",
    ),
    Mutation(
        "attach does not look at the device again after sleeping (D8, R8)",
        "enable.c",
        """        if ((error = kcov_handle_await_end(handle, wait)) != 0)
            return error;
""",
        """        if ((error = kcov_handle_await_end(handle, wait)) != 0)
            return error;
        handle = kcov_handle_find(key);
        break;
""",
    ),
    Mutation(
        "who does not want to wait leaves its other sections nevertheless (R1)",
        "handle.c",
        "    return wait != NULL ? sleep_in(&handle->draining, wait) : 0;\n",
        """    if (wait == NULL && kcov_self.thread != NULL)
        kcov_sections_leave_all(kcov_self.thread);
    return wait != NULL ? sleep_in(&handle->draining, wait) : 0;
""",
    ),
    Mutation(
        "threads that share a device claim words as if they were alone",
        "append.h",
        "shared ? kcov_claim_shared(trace, k, index) : kcov_claim_alone(trace, k, index)",
        "shared && k > 1 ? kcov_claim_shared(trace, k, index) : kcov_claim_alone(trace, k, index)",
    ),
]
