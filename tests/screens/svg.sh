#!/bin/bash
# The flame graph in a real browser: Chromium without a window, driven over WebDriver.
# shellcheck source=tests/e2e/tap.sh
. "$(dirname "$0")/../e2e/tap.sh"
need "flame graph in a browser" chromedriver chromium curl jq || finish
cd "$tmp" || exit 2
"$root/tests/screens/make_snapshot.py" shop.pb.gz # 1150 samples of 1.001 ms
"$root/tests/screens/make_snapshot.py" hostile.pb.gz --hostile
"$root/tests/screens/make_snapshot.py" large.pb.gz --large
for name in shop hostile large; do
    "$proftop" export $name.pb.gz -o $name.svg
done
"$proftop" export shop.pb.gz -o inverted.svg --inverted

# ---- the browser ----

call() { # METHOD PATH [JSON]: the answer's value
    curl -s --max-time 30 -X "$1" "$driver/$2" ${3:+-d "$3"} | jq -c .value
}

driver_ready() {
    port=$(sed -nE 's/.*started successfully on port ([0-9]+).*/\1/p' driver.out)
    [ -n "$port" ]
}

at_end() {
    [ -z "${session-}" ] || call DELETE "session/$session" >/dev/null
    [ -z "${driver_pid-}" ] || kill "$driver_pid" 2>/dev/null
}

start_browser() {
    chromedriver --port=0 >driver.out 2>&1 &
    driver_pid=$!
    wait_for 20 driver_ready
    driver=http://127.0.0.1:$port
    session=$(call POST session '{"capabilities": {"alwaysMatch": {"goog:loggingPrefs": {"browser": "ALL"},
        "goog:chromeOptions": {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--window-size=1220,800"]}}}}' | jq -r .sessionId)
}

open_page() {
    call POST "session/$session/url" "{\"url\": \"file://$tmp/$1\"}" >/dev/null
}

# What the script returns, as JSON. It has: box(NAME), the element of the frame with that label; width(NAME) of that, in
# per cent of the graph; labels(ROW), those that are drawn in a row, from the left.
js() {
    call POST "session/$session/execute/sync" "$(jq -n --arg script "
        const boxes = [...document.querySelectorAll('.frame')];
        const label = box => box.querySelector('text')?.textContent ?? '';
        const box = name => boxes.find(box => label(box) === name);
        const size = element => element.getBoundingClientRect();
        const width = name => box(name) ? +(100 * (size(box(name)).width + 1) / (size(document.documentElement).width - 20)).toFixed(1) : null;
        const labels = row => boxes.filter(box => box.querySelector('rect').y.baseVal.value === 18 * row).map(label);
        $1" '{script: $script, args: []}')"
}

text_of() {
    js "return document.querySelector('$1')?.textContent ?? null" | jq -r .
}

act() { # KIND ACTIONS
    call POST "session/$session/actions" "{\"actions\": [{\"type\": \"$1\", \"id\": \"$1\", \"actions\": $2}]}" >/dev/null
}

# Each letter, or one key by its code of WebDriver.
keys() {
    local key
    for key; do
        act key "$(jq -n --arg keys "$key" '[$keys | split("")[] | {type: "keyDown", value: .}, {type: "keyUp", value: .}]')"
    done
}
tab=$'\ue004' enter=$'\ue007' escape=$'\ue00c' left=$'\ue012' up=$'\ue013' right=$'\ue014' down=$'\ue015'

point() { # NAME: the mouse over that frame
    local at
    at=$(js "const {x, y} = size(box('$1')); return {x: Math.round(x + 10), y: Math.round(y + 8)}")
    act pointer "[$(jq -c '{type: "pointerMove", duration: 0} + .' <<<"$at")]"
}

click() {
    point "$1"
    act pointer '[{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]'
}

search_for() {
    keys "$escape" / "$1"
}

# ---- as it opens ----
start_browser
if [ -z "$session" ] || [ "$session" = null ]; then
    not_ok "Chromium starts" "$(cat driver.out)"
    finish
fi
open_page shop.svg
is "the title of the page is the command" "$(js 'return document.title')" '"./storefront --port 8080"'
is "one heading" "$(js 'return document.documentElement.textContent.split("--port 8080").length')" 3
is "all fills the width" "$(js 'return width("all")')" 100
is "a frame's width is its share" "$(js 'return width("serve_request")')" 61.7
is "rows" "$(js 'return [labels(0), labels(1), labels(2)]')" '[["all"],["storefront"],["_start","clone3"]]'
is "nothing is reset yet" "$(js 'return document.querySelector("#reset").disabled')" true

# ---- figures ----
point serve_request
is "tooltip: name, file and figures" "$(js 'return [...document.querySelectorAll("aside > *")].map(e => e.textContent)')" \
    '["serve_request","storefront","CPU time: 711 ms, 61.7 % of all","self: 0, 0.0 % of all","710 samples"]'
point compress_block
is "tooltip: self" "$(text_of 'aside span:nth-of-type(2)')" "self: 300 ms, 26.1 % of all"
is "tooltip: inside the window" "$(js 'const r = size(document.querySelector("aside"));
    return r.width > 100 && r.left >= 0 && r.right <= innerWidth && r.bottom <= innerHeight')" true

# ---- zoom ----
click serve_request
is "zoom: the frame fills the width" "$(js 'return width("serve_request")')" 100
is "zoom: what it calls grows with it" "$(js 'return width("parse_order")')" 43.7
is "zoom: what is beside it goes" "$(js 'return width("clone3")')" null
is "zoom: what is above it fades" "$(js 'return boxes.filter(b => b.classList.contains("above")).map(label)')" \
    '["all","storefront","_start","__libc_start_main","main"]'
point skip_blanks
like "zoom: the tooltip has shares of both" "$(text_of 'aside span')" '27\.0 % of all, 43\.7 % of the view'
keys "$escape"
is "Esc zooms out" "$(js 'return [width("all"), width("serve_request")]')" '[100,61.7]'
click serve_request
click main
is "a click above zooms out to there" "$(js 'return [width("main"), width("serve_request")]')" '[100,86.1]'
js 'document.querySelector("#reset").click()' >/dev/null
is "the button zooms out" "$(js 'return width("serve_request")')" 61.7

# ---- search ----
search_for 'lookup|memmove'
is "search: share of two functions" "$(text_of '#found')" "matched 40.0 %"
is "search: matches are marked" "$(js 'return boxes.filter(b => b.classList.contains("match")).map(b => label(b).slice(0, 6))')" \
    '["__memm","prices"]'
search_for 'parse_order|memmove'
is "search: matches below a match count once" "$(text_of '#found')" "matched 27.0 %"
search_for walk_tree
is "search: recursion counts once" "$(text_of '#found')" "matched 7.0 %"
search_for 'lookup(std'
is "search: no regular expression, then as it is" "$(text_of '#found')" "matched 34.8 %"
search_for 'WORKER_MAIN'
is "search: capitals must match" "$(text_of '#found')" "matched 0.0 %"
search_for 'worker_main'
is "search: small letters need not" "$(text_of '#found')" "matched 28.3 %"
search_for 'parse_order'
click serve_request
is "search: share of the view" "$(text_of '#found')" "matched 27.0 %, 43.7 % of the view"
keys "$escape"
is "Esc clears the search first" "$(js 'return [width("serve_request"), boxes.some(b => b.classList.contains("match"))]')" \
    '[100,false]'
keys "$escape"
is "then the zoom" "$(js 'return width("serve_request")')" 61.7
act key '[{"type": "keyDown", "value": "\ue009"}, {"type": "keyDown", "value": "f"}, {"type": "keyUp", "value": "f"}, {"type": "keyUp", "value": "\ue009"}]'
keys parse_order "$enter"
is "Ctrl-F searches; Enter goes to the match" "$(js 'return label(document.activeElement)')" '"parse_order"'
keys n
is "n goes round" "$(js 'return label(document.activeElement)')" '"parse_order"'
search_for 'parse|lookup'
keys "$enter"
like "Enter goes to the heaviest match" "$(js 'return label(document.activeElement)')" 'lookup'
keys n
is "n goes to the next" "$(js 'return label(document.activeElement)')" '"parse_order"'
keys "$escape"

# ---- keys ----
open_page shop.svg
keys "$tab" "$tab" "$tab"
is "Tab comes to the graph" "$(js 'return label(document.activeElement)')" '"all"'
keys "$down" "$down"
is "down: the widest below" "$(js 'return label(document.activeElement)')" '"_start"'
keys "$right"
is "right: the next in the row" "$(js 'return label(document.activeElement)')" '"clone3"'
like "the frame in focus shows its figures" "$(text_of aside)" 'clone3.*325 samples'
keys "$enter"
is "Enter zooms" "$(js 'return width("clone3")')" 100
is "the focus stays" "$(js 'return label(document.activeElement)')" '"clone3"'
keys $'\ue003'
is "Backspace zooms out by a frame" "$(js 'return [width("storefront"), width("clone3")]')" '[100,28.3]'
keys "$escape" "$down" "$down" "$right" "$left" "$up"
is "left and up" "$(js 'return label(document.activeElement)')" '"storefront"'

# ---- turned around ----
open_page shop.svg
before=$(js 'return document.querySelector("#frames").textContent')
keys b
is "b: innermost functions on top" "$(js 'return labels(1).includes("compress_block") && !labels(1).includes("main")')" true
is "b: with their own share" "$(js 'return [width("is_blank"), width("compress_block")]')" '[21.7,26.1]'
is "b: callers below them" "$(js 'return labels(4).includes("clone3") && labels(5).includes("storefront")')" true
is "b: the button is down" "$(js 'return document.querySelector("#turn").getAttribute("aria-pressed")')" '"true"'
js 'document.querySelector("#turn").click()' >/dev/null
is "the button turns it back" "$(js 'return document.querySelector("#frames").textContent')" "$before"
turned=$(keys i; js 'return document.querySelector("#frames").textContent')
open_page inverted.svg
is "--inverted is the same" "$(js 'return document.querySelector("#frames").textContent')" "$turned"
keys b
is "--inverted turns back too" "$(js 'return document.querySelector("#frames").textContent')" "$before"

# ---- width ----
js_width() { [ "$(js 'return innerWidth < 700 && width("all") === 100')" = true ]; }
call POST "session/$session/window/rect" '{"width": 640, "height": 700}' >/dev/null
check "the graph follows the window" wait_for 10 js_width
is "shares stay" "$(js 'return width("serve_request")')" 61.7
call POST "session/$session/window/rect" '{"width": 1220, "height": 800}' >/dev/null

# ---- names that are no names ----
open_page hostile.svg
is "hostile: no script ran" "$(js 'return window.hacked ?? "none"')" '"none"'
is "hostile: nothing became an element" "$(js 'return document.querySelectorAll("b:not(aside b), i:not(aside i), [onload], [onmouseover]").length')" 0
is "hostile: 24 frames" "$(js 'return boxes.length')" 24
search_for '<script>window.hacked = 1'
keys "$enter"
is "hostile: the name is text" "$(text_of 'aside b')" "<script>window.hacked = 1</script>"
search_for 'proto|constructor'
is "hostile: names of JavaScript's own" "$(text_of '#found')" "matched 13.6 %"
search_for '[(*'
is "hostile: a pattern that is none" "$(text_of '#found')" "matched 7.1 %"
is "hostile: still no script" "$(js 'return window.hacked ?? "none"')" '"none"'

# ---- 100,000 stacks ----
open_page large.svg
is "large: opens" "$(js 'return width("all")')" 100
like "large: says what is missing" "$(text_of .note)" '^[0-9.]+ % of the time .* this file'
click function_0_of_level_0
is "large: zooms" "$(js 'return width("function_0_of_level_0")')" 100

is "the browser had nothing to complain of" "$(call POST "session/$session/se/log" '{"type": "browser"}')" '[]'
finish
