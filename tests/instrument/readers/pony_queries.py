from pony.orm import Database, Required, count, db_session, desc, flush, select

db = Database()


class Person(db.Entity):
    name = Required(str)
    age = Required(int)


db.bind("sqlite", ":memory:")
db.generate_mapping(create_tables=True)


@db_session
def main():
    Person(name="a", age=3)
    Person(name="b", age=30)
    Person(name="c", age=31)
    flush()
    limit = 10
    print(select(p.name for p in Person if p.age > limit and p.name != "zz")[:])
    print(select((p.name, p.age + 1) for p in Person if not (p.age < limit or p.name == "c"))[:])
    print(Person.select(lambda p: p.age < limit and p.name in ("a", "c")).count())
    print(Person.select().order_by(lambda p: desc(p.age)).first().name, count(p for p in Person))
    print([p.name for p in Person.select().filter(lambda q: q.name.startswith("b"))])


main()
