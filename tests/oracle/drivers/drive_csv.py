"""csv: the Sniffer, DictReader, DictWriter, dialects."""

import io

from fresh import fresh

INCLUDE = ["csv"]
csv = fresh("csv")

SAMPLES = [
    "name,age,city\nAnna,31,Oslo\nBert,45,Rome\nCleo,28,Lima\n",
    "name;age;city\n'An;na';31;Oslo\n'Bert';45;Rome\n",
    'a\tb\tc\n"1"\t"2"\t"3"\n"4"\t"5"\t"6"\n',
    '"a" , "b" , "c"\n"1" , "2" , "3"\n',
    "12:34:56\n01:02:03\n11:11:11\n",
    "x|y|z\n1|2|3\n4|5|6\n",
    'one "two" three\n',
    "",
]
sniffer = csv.Sniffer()
for sample in SAMPLES:
    try:
        dialect = sniffer.sniff(sample)
        print(repr(dialect.delimiter), repr(dialect.quotechar), dialect.doublequote, dialect.skipinitialspace)
        print(sniffer.has_header(sample))
    except (csv.Error, StopIteration) as error:
        print("error", type(error).__name__)
print(sniffer.sniff(SAMPLES[0], delimiters=",").delimiter)
reader = csv.DictReader(io.StringIO("a,b\n1,2\n\n3\n4,5,6,7\n"), restkey="more", restval="-")
print(reader.fieldnames, list(reader), reader.line_num, reader.dialect)
out = io.StringIO()
writer = csv.DictWriter(out, ["a", "b"], extrasaction="raise", restval="?")
writer.writeheader()
writer.writerow({"a": 1})
writer.writerows([{"a": 2, "b": "x,y"}, {"b": 'quo"te'}])
try:
    writer.writerow({"c": 1})
except ValueError as error:
    print(error)
print(out.getvalue())


class Odd(csv.excel):
    delimiter = "::"


for call in (lambda: csv.DictWriter(out, [], extrasaction="nonsense"), Odd):
    try:
        call()
    except (ValueError, csv.Error) as error:
        print(error)
