"""Requests to a service of Flask, by its test client."""

import sys

import atheris

with atheris.instrument_imports(include=["flask", "werkzeug", "jinja2"]):
    import flask

app = flask.Flask(__name__)


@app.route("/item/<int:number>", methods=["GET", "POST"])
def item(number):
    return flask.jsonify(number=number, query=flask.request.args.to_dict(), form=flask.request.form.to_dict())


@app.route("/page/<name>")
def page(name):
    return flask.render_template_string("<p>{{ name }}</p>", name=name)


client = app.test_client()


@atheris.instrument_func
def TestOneInput(data):
    provider = atheris.FuzzedDataProvider(data)
    method = provider.PickValueInList(["GET", "POST", "PUT"])
    path = provider.ConsumeUnicodeNoSurrogates(30)
    body = provider.ConsumeBytes(100)
    try:
        client.open("/" + path, method=method, data=body, content_type="application/x-www-form-urlencoded")
    except (ValueError, UnicodeError):
        return


atheris.Setup(sys.argv, TestOneInput)
atheris.Fuzz()
