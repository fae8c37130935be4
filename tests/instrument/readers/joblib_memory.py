import tempfile

from joblib import Memory, Parallel, delayed, hash


def work(x, y=2):
    if x > 1:
        return x**y
    return y


print(hash([1, 2]), Parallel(n_jobs=2, prefer="threads")(delayed(work)(n) for n in range(4)))
with tempfile.TemporaryDirectory() as folder:
    memory = Memory(folder, verbose=0)
    cached = memory.cache(work)
    print(cached(3), cached(3), cached.check_call_in_cache(3), cached.check_call_in_cache(4))
