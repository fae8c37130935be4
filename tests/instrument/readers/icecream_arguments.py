from icecream import ic


def middle(a, b):
    return ic(a + b, a * b)


print(ic.format(middle(3, 4)[0], [n for n in range(3) if n]))
