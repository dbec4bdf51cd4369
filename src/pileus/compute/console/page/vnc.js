// Shows a server's screen: noVNC on a WebSocket of this very host, at the path that the page was given.
const status = document.getElementById("status");
const keys = document.getElementById("keys");

function say(text) {
  status.textContent = text;
}

function address() {
  const path = new URLSearchParams(location.search).get("path") || "";
  const url = new URL("/", location.href);
  const [name, query] = path.replace(/^\/+/, "").split("?", 2);
  url.pathname = "/" + name;
  url.search = query || "";
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

try {
  const { default: RFB } = await import("./novnc/core/rfb.js");
  const rfb = new RFB(document.getElementById("screen"), address(), { wsProtocols: ["binary"] });
  let name = "";
  rfb.scaleViewport = true;
  rfb.addEventListener("connect", () => {
    say(name ? "Connected to " + name : "Connected");
    keys.disabled = false;
    rfb.focus();
  });
  rfb.addEventListener("desktopname", (event) => {
    name = event.detail.name;
    say("Connected to " + name);
  });
  rfb.addEventListener("disconnect", (event) => {
    keys.disabled = true;
    say(event.detail.clean ? "Disconnected" : "No connection: the server is off, or the link has expired. Ask for a new one.");
  });
  keys.addEventListener("click", () => rfb.sendCtrlAltDel());
} catch (problem) {
  say("noVNC is not installed on the cloud's host: install the package novnc. (" + problem.message + ")");
}
