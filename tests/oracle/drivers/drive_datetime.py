"""The pure-Python datetime, calendar, and their formatting."""

from fresh import fresh

INCLUDE = ["datetime", "_pydatetime", "calendar", "_strptime"]
calendar = fresh("calendar")
datetime = (
    fresh("_pydatetime", "datetime", without=["_datetime"])[1]
    if __import__("sys").version_info >= (3, 12)
    else fresh("datetime", without=["_datetime"])
)

d = datetime.datetime(
    2024, 2, 29, 13, 45, 6, 789, tzinfo=datetime.timezone(datetime.timedelta(hours=5, minutes=30), "IST")
)
print(
    d,
    repr(d),
    d.isoformat("T", "minutes"),
    d.strftime("%Y-%m-%d %H:%M:%S.%f %z %Z %%"),
    f"{d:%d %B}",
    d.utctimetuple(),
    d.timetuple(),
    d.isocalendar(),
    d.ctime(),
    d.toordinal(),
    d.weekday(),
    d.replace(year=2023, day=1),
    d.astimezone(datetime.timezone.utc),
    d.timestamp(),
    hash(d),
    d.date(),
    d.timetz(),
    d.utcoffset(),
    d.dst(),
    d.__reduce_ex__(4),
)
delta = datetime.timedelta(days=-1, hours=5, microseconds=3)
print(
    delta,
    repr(delta),
    delta * 2.5,
    delta / 3,
    delta // 2,
    delta % datetime.timedelta(hours=1),
    divmod(delta, datetime.timedelta(hours=7)),
    abs(delta),
    -delta,
    delta.total_seconds(),
    bool(delta),
    delta < datetime.timedelta(0),
    hash(delta),
    delta + d,
    d - delta,
    d - d.replace(hour=1),
    delta / datetime.timedelta(1),
    datetime.timedelta(weeks=1, days=1.5, milliseconds=4.25, seconds=0.5),
)
for text in ("2024-02-29", "2024-02-29T10:11", "2024-02-29 10:11:12.345678+05:30", "20240229T101112Z", "2024-W09-4"):
    print(datetime.datetime.fromisoformat(text))
print(
    datetime.date.fromisoformat("2020-01-31"),
    datetime.time.fromisoformat("04:05:06.7"),
    datetime.date.fromisocalendar(2021, 5, 3),
    datetime.date.fromordinal(737000),
    datetime.time(1, 2, 3, 4, fold=1),
    datetime.datetime.combine(datetime.date.min, datetime.time.max),
    datetime.datetime.fromtimestamp(0, datetime.timezone.utc),
)
print(
    datetime.datetime.strptime("1999-12-31 23:59:58 +0200", "%Y-%m-%d %H:%M:%S %z"),
    datetime.date(2020, 1, 1) < datetime.date(2020, 1, 2),
    datetime.time(1) == datetime.time(1, tzinfo=datetime.timezone.utc),
    datetime.timezone.utc,
    datetime.timezone(datetime.timedelta(seconds=-3661)),
    datetime.date.max - datetime.date.min,
)
for call in (
    lambda: datetime.date(2023, 2, 29),
    lambda: datetime.datetime(1, 1, 1, 25),
    lambda: datetime.datetime.fromisoformat("nonsense"),
    lambda: datetime.timezone(datetime.timedelta(days=2)),
    lambda: datetime.date.max + datetime.timedelta(1),
    lambda: datetime.timedelta("x"),
    lambda: datetime.time(1) < 3,
    lambda: datetime.datetime(2000, 1, 1) - d,
    lambda: datetime.datetime.strptime("x", "%Y"),
    lambda: datetime.timedelta(999999999) * 2,
):
    try:
        print(call())
    except (ValueError, TypeError, OverflowError) as error:
        print(type(error).__name__, error)


class Berlin(datetime.tzinfo):
    def utcoffset(self, when):
        return datetime.timedelta(hours=1) + self.dst(when)

    def dst(self, when):
        return datetime.timedelta(hours=1 if when and 3 < when.month < 10 else 0)

    def tzname(self, when):
        return "CET"


print(
    d.astimezone(Berlin()),
    datetime.datetime(2024, 7, 1, tzinfo=Berlin()).isoformat(),
    datetime.datetime(2024, 7, 1, tzinfo=Berlin()) - d,
)

print(
    calendar.month(2024, 2),
    calendar.TextCalendar(6).formatyear(2023, m=4)[:400],
    calendar.isleap(1900),
    calendar.leapdays(1990, 2020),
    calendar.monthrange(2021, 2),
    calendar.timegm((1970, 1, 2, 0, 0, 0)),
    calendar.monthcalendar(2022, 10),
    list(calendar.Calendar(3).itermonthdays4(2020, 2))[:3],
    calendar.Calendar().yeardatescalendar(2020)[0][0][0][0],
    calendar.weekday(2020, 1, 1),
)
print(
    calendar.HTMLCalendar().formatmonth(2020, 12),
    len(calendar.HTMLCalendar(2).formatyearpage(2020)),
    calendar.weekheader(3),
)
for call in (
    lambda: calendar.monthrange(2020, 13),
    lambda: calendar.setfirstweekday(9),
    lambda: calendar.monthrange(2020, 0),
):
    try:
        call()
    except (ValueError, IndexError) as error:
        print(error)
