from sqlalchemy import Integer, String, column, create_engine, lambda_stmt, select, table, text

people = table("people", column("id", Integer), column("name", String))


def chosen(connection, least, name):
    statement = lambda_stmt(lambda: select(people.c.name))
    statement += lambda s: s.where(people.c.id >= least)
    if name:
        statement += lambda s: s.where(people.c.name != name)
    return connection.execute(statement).all()


engine = create_engine("sqlite://")
with engine.connect() as connection:
    connection.execute(text("create table people (id integer, name text)"))
    connection.execute(text("insert into people values (1, 'a'), (2, 'b'), (3, 'c')"))
    for least, name in ((1, None), (2, None), (2, "c"), (1, "a")):
        print(chosen(connection, least, name))
