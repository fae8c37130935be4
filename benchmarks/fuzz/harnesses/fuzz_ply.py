"""A calculator by ply: tables of states, driven in a loop."""

import sys

import atheris

with atheris.instrument_imports(include=["ply"]):
    from ply import lex, yacc

tokens = ("NAME", "NUMBER")
literals = "=+-*/()"
t_ignore = " \t"
t_NAME = r"[a-zA-Z_]\w*"
precedence = (("left", "+", "-"), ("left", "*", "/"), ("right", "UMINUS"))
names = {}


def t_NUMBER(t):
    r"\d+"
    t.value = int(t.value[:20])
    return t


def t_error(t):
    t.lexer.skip(1)


def p_statement(p):
    """statement : NAME "=" expression
    | expression"""
    names[p[1]] = p[len(p) - 1]


def p_binary(p):
    """expression : expression '+' expression
    | expression '-' expression
    | expression '*' expression
    | expression '/' expression"""
    p[0] = (p[2], p[1], p[3])


def p_minus(p):
    "expression : '-' expression %prec UMINUS"
    p[0] = ("-", p[2])


def p_group(p):
    "expression : '(' expression ')'"
    p[0] = p[2]


def p_leaf(p):
    """expression : NUMBER
    | NAME"""
    p[0] = p[1]


def p_error(p):
    pass


lexer = lex.lex()
parser = yacc.yacc(write_tables=False, debug=False, errorlog=yacc.NullLogger())


@atheris.instrument_func
def TestOneInput(data):
    names.clear()
    try:
        parser.parse(data.decode("latin-1"), lexer=lexer)
    except TypeError:
        return


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
