from varname import argname, nameof, varname


def made():
    return varname()


def named(value, *others):
    return argname("value"), argname("others")


def main():
    chosen = made()
    first, second = 1, [2]
    return chosen, named(first, second), nameof(first)


print(main())
