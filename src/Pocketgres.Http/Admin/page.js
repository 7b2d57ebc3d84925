// Reads a page that changes again every second and shows what it says now. Without this, it is read again every five seconds.
const main = document.querySelector("main[data-refreshes]");
async function refresh() {
    try {
        const active = document.activeElement;
        if (!document.hidden && !(active && active.matches("main input:not([type=hidden]), main textarea, main select")) && getSelection().isCollapsed) {
            const answer = await fetch(location.pathname + location.search, { cache: "no-store", redirect: "error" });
            if (answer.ok) {
                const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
                const focused = document.activeElement ? document.activeElement.id : "";
                const scrolled = [...main.querySelectorAll(".scroll")].map(e => e.scrollLeft);
                main.replaceChildren(...next.childNodes);
                main.querySelectorAll(".scroll").forEach((e, i) => { e.scrollLeft = scrolled[i] ?? 0; });
                if (focused && main.querySelector("#" + CSS.escape(focused))) { main.querySelector("#" + CSS.escape(focused)).focus(); }
            }
        }
    } catch { /* the server is gone or restarting: try again */ }
    setTimeout(refresh, 1000);
}
if (main) { history.replaceState(null, "", location.pathname + location.search.replace(/[?&]did=[a-z]+/, "")); setTimeout(refresh, 1000); }
