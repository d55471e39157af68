// Asks what the rules in a form mean while they are written, and shows the answer as text, never as HTML.
(function () {
    "use strict";

    const PAUSE_MS = 300;
    const form = document.querySelector("form[data-preview]");
    if (!form) {
        return;
    }
    const panel = document.getElementById("play-preview");
    const lines = panel.querySelector("dl");
    const stale = panel.querySelector("[data-stale]");
    let timer = null;
    let asking = null;

    function showErrors(errors) {
        for (const place of form.querySelectorAll("[data-errors-of]")) {
            place.replaceChildren();
            for (const text of errors[place.dataset.errorsOf] || []) {
                const line = document.createElement("p");
                line.textContent = text;
                place.append(line);
            }
        }
    }

    function showLines(told) {
        lines.replaceChildren();
        for (const [title, text] of told) {
            const name = document.createElement("dt");
            const value = document.createElement("dd");
            name.textContent = title;
            value.textContent = text;
            lines.append(name, value);
        }
    }

    async function ask() {
        if (asking) {
            asking.abort();
        }
        const mine = new AbortController();
        asking = mine;
        try {
            const answer = await fetch(form.dataset.preview, {
                method: "POST",
                body: new FormData(form),
                credentials: "same-origin",
                signal: mine.signal,
            });
            const told = await answer.json();
            if (mine !== asking) {
                return;
            }
            showErrors(told.errors);
            const isRight = Object.keys(told.errors).length === 0;
            stale.hidden = isRight;
            if (isRight) {
                showLines(told.lines);
            }
        } catch {
            // Overtaken by the next key, signed out meanwhile, or no shop: what was shown isn't what is written.
            if (mine === asking) {
                stale.hidden = false;
            }
        }
    }

    function askSoon() {
        clearTimeout(timer);
        stale.hidden = false;
        timer = setTimeout(ask, PAUSE_MS);
    }

    form.addEventListener("input", askSoon);
    form.addEventListener("change", askSoon);
})();
