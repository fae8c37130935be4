"""sqlparse: statements are split, grouped and formatted."""

import zlib
from collections.abc import Callable

import sqlparse
import sqlparse.engine.filter_stack
import sqlparse.engine.grouping
import sqlparse.engine.statement_splitter
import sqlparse.filters.others
import sqlparse.filters.reindent
import sqlparse.filters.tokens
import sqlparse.formatter
import sqlparse.lexer
import sqlparse.sql
import sqlparse.tokens
import sqlparse.utils

INSTRUMENTED = [
    sqlparse.engine.filter_stack,
    sqlparse.engine.grouping,
    sqlparse.engine.statement_splitter,
    sqlparse.filters.others,
    sqlparse.filters.reindent,
    sqlparse.filters.tokens,
    sqlparse.formatter,
    sqlparse.lexer,
    sqlparse.sql,
    sqlparse.tokens,
    sqlparse.utils,
]
ITERATIONS = 42

STATEMENTS = [
    """select a.id, count(*) as n from a left join b on a.id = b.a_id and b.y is not null
    where a.name like 'x%' group by a.id having n > 1 limit 10;""",
    """select sum(case when b.x > 3 then 1 else 0 end) as total, 'x' || b.y from b order by 2 desc;""",
    """select id from a where a.k in (1, 2, 3) or not exists (select 1 from c where c.id = a.id);""",
    """insert into t (a, b, c) values (1, 'two', null), (2, 'three', now());
    update t set a = a + 1, b = 'x' where id between 1 and 9;""",
    """create table t (id integer primary key, name varchar(20) not null default 'n', -- comment
    total decimal(10, 2)); /* block */ drop table t;""",
    """with recursive r(n) as (select 1 union all select n + 1 from r where n < 100)
    select n, row_number() over (partition by n % 2 order by n) from r;""",
]


def prepare() -> Callable[[int], int]:
    def run(iteration: int) -> int:
        sql = STATEMENTS[iteration % len(STATEMENTS)]
        text = sqlparse.format(sql, reindent=True, keyword_case="upper", strip_comments=True)
        kinds = [statement.get_type() for statement in sqlparse.parse(text)]
        return zlib.crc32((text + "".join(kinds)).encode())

    return run
