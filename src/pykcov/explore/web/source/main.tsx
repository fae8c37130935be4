import { render } from "preact";
import { App } from "./app";
import { loadJson, type Index } from "./wire";

const root = document.getElementById("page") as HTMLElement;

loadJson<Index>("index").then(
    (index) => {
        document.title = `${index.title} - pykcov`;
        root.textContent = "";
        render(<App index={index} />, root);
    },
    (error: unknown) => {
        root.textContent = String(error);
    },
);
