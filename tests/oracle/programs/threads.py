# fmt: off
import _thread  # runs
import threading  # runs
import time  # runs

lock = _thread.allocate_lock()  # runs
lock.acquire()  # runs


def without_threading():  # runs
    lock.release()  # runs


def with_threading():  # runs
    time.sleep(0)  # runs


def outlives_the_main_module():  # runs
    time.sleep(0.2)  # runs
    print()  # runs


_thread.start_new_thread(without_threading, ())  # runs
lock.acquire()  # runs
thread = threading.Thread(target=with_threading)  # runs
thread.start()  # runs
thread.join()  # runs
threading.Thread(target=outlives_the_main_module).start()  # runs
