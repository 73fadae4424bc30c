/*
 * Screen: the only user of ncurses.
 *
 * It keeps the surface the views draw on and a copy of what the terminal shows; only cells that
 * differ go to curses, which optimises the movement. Colour pairs are made on demand.
 */
#include "tui/term/screen.h"

#include "core/base/error.h"
#include "tui/term/keys.h"
#include "tui/term/terminal_check.h"
#include "tui/term/tty_guard.h"

#include <curses.h>
#include <term.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    ESCAPE_DELAY_MS = 25,
    DOUBLE_CLICK_US = 400000,
};

struct screen {
    SCREEN *curses;
    FILE *in, *out;
    bool own_in, own_out;
    int signals; /* read end of the guard's pipe */
    char *reset; /* what a crash writes */
    struct theme theme;
    bool ascii;
    struct surface *front; /* what the terminal shows */
    struct surface *back;  /* what the views draw */
    GHashTable *pairs;     /* (fg, bg) -> colour pair */
    int64_t click_us;
    int click_y, click_x;
};

static FILE *open_side(FILE *standard, const char *mode, bool *ret_own)
{
    if (isatty(fileno(standard)))
        return standard;
    FILE *file = fopen("/dev/tty", mode);
    *ret_own = file != NULL;
    return file;
}

static void free_screen(struct screen *screen)
{
    if (screen->own_in)
        fclose(screen->in);
    if (screen->own_out)
        fclose(screen->out);
    surface_free(screen->front);
    surface_free(screen->back);
    g_clear_pointer(&screen->pairs, g_hash_table_unref);
    g_free(screen->reset);
    g_free(screen);
}

static bool open_files(struct screen *screen, GError **error)
{
    screen->in = open_side(stdin, "re", &screen->own_in);
    screen->out = open_side(stdout, "we", &screen->own_out);
    if (screen->in && screen->out)
        return true;
    g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                "no terminal: use 'proftop record' or --no-tui where there is none");
    return false;
}

static const char *capability(const char *name)
{
    const char *text = tigetstr(name);
    return text && text != (const char *)-1 ? text : "";
}

static bool open_curses(struct screen *screen, GError **error)
{
    TERMINAL *looked_up = cur_term;
    screen->curses = newterm(NULL, screen->out, screen->in);
    if (!screen->curses) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                    "the terminal cannot be opened: use --no-tui");
        return false;
    }
    if (cur_term != looked_up)
        del_curterm(looked_up);
    return true;
}

static bool start_guard(struct screen *screen, GError **error)
{
    screen->reset = g_strconcat("\033[?1000l\033[?1006l", capability("sgr0"), capability("cnorm"),
                                capability("rmkx"), capability("rmcup"), "\r\n", NULL);
    screen->signals = tty_guard_begin(fileno(screen->in), screen->reset, error);
    return screen->signals >= 0;
}

static void set_modes(void)
{
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    leaveok(stdscr, TRUE);
    set_escdelay(ESCAPE_DELAY_MS);
    curs_set(0);
    mouseinterval(0);
    mousemask(BUTTON1_PRESSED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
}

static void choose_theme(struct screen *screen, bool color, bool ascii)
{
    const char *term = g_getenv("TERM");
    screen->ascii = ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    /* The console's and real terminals' fonts lack most block characters. */
    screen->theme.ascii =
        screen->ascii || g_str_has_prefix(term, "linux") || g_str_has_prefix(term, "vt");
    if (!color || !has_colors() || start_color() == ERR)
        return;
    if (use_default_colors() == ERR)
        return;
    screen->theme.colors = COLORS >= 256 ? 256 : COLORS >= 8 ? 8 : 0;
}

static void new_surfaces(struct screen *screen)
{
    surface_free(screen->front);
    surface_free(screen->back);
    screen->front = surface_new(LINES, COLS, screen->ascii);
    screen->back = surface_new(LINES, COLS, screen->ascii);
    screen_redraw(screen);
}

struct screen *screen_open(bool color, bool ascii, GError **error)
{
    setlocale(LC_CTYPE, "");
    struct screen *screen = g_new0(struct screen, 1);
    /* The guard remembers the terminal's modes as they are before curses changes them. */
    if (!open_files(screen, error) || !terminal_check(fileno(screen->out), error) ||
        !start_guard(screen, error) || !open_curses(screen, error)) {
        tty_guard_end();
        free_screen(screen);
        return NULL;
    }
    set_modes();
    choose_theme(screen, color, ascii);
    screen->pairs = g_hash_table_new(NULL, NULL);
    new_surfaces(screen);
    return screen;
}

void screen_close(struct screen *screen)
{
    if (!screen)
        return;
    mousemask(0, NULL);
    endwin();
    tty_guard_end();
    delscreen(screen->curses);
    free_screen(screen);
}

void screen_abandon(struct screen *screen)
{
    tty_guard_end();
    /* Neither endwin nor fclose: both would write to a terminal that may be someone else's now. */
    screen->own_in = screen->own_out = false;
    free_screen(screen);
}

const struct theme *screen_theme(const struct screen *screen)
{
    return &screen->theme;
}

struct surface *screen_surface(struct screen *screen)
{
    return screen->back;
}

void screen_redraw(struct screen *screen)
{
    for (int i = 0; i < screen->front->rows * screen->front->cols; i++)
        screen->front->cells[i].ch = UINT32_MAX; /* equals nothing */
    clearok(stdscr, TRUE);
}

/* Number of the pair of these colours; 0 when the terminal has no more pairs. */
static int color_pair(struct screen *screen, struct style style)
{
    if (screen->theme.colors == 0 || (style.fg < 0 && style.bg < 0))
        return 0;
    gpointer key = GINT_TO_POINTER((style.fg + 1) * 1024 + style.bg + 1);
    int pair = GPOINTER_TO_INT(g_hash_table_lookup(screen->pairs, key));
    if (pair == 0 && (int)g_hash_table_size(screen->pairs) + 1 < COLOR_PAIRS) {
        pair = (int)g_hash_table_size(screen->pairs) + 1;
        if (init_extended_pair(pair, style.fg, style.bg) == ERR)
            return 0;
        g_hash_table_insert(screen->pairs, key, GINT_TO_POINTER(pair));
    }
    return pair;
}

static attr_t curses_attrs(struct style style)
{
    attr_t attrs = 0;
    attrs |= style.attrs & STYLE_BOLD ? A_BOLD : 0;
    attrs |= style.attrs & STYLE_DIM ? A_DIM : 0;
    attrs |= style.attrs & STYLE_UNDERLINE ? A_UNDERLINE : 0;
    attrs |= style.attrs & STYLE_REVERSE ? A_REVERSE : 0;
    return attrs;
}

static void show_cell(struct screen *screen, int y, int x)
{
    const struct cell *cell = surface_cell(screen->back, y, x);
    wchar_t text[2] = {(wchar_t)cell->ch, 0};
    int pair = color_pair(screen, cell->style);
    cchar_t out;
    if (setcchar(&out, text, curses_attrs(cell->style), 0, &pair) == OK)
        mvadd_wch(y, x, &out);
}

static bool same_cell(const struct cell *a, const struct cell *b)
{
    return a->ch == b->ch && a->style.fg == b->style.fg && a->style.bg == b->style.bg &&
           a->style.attrs == b->style.attrs;
}

static bool show_row(struct screen *screen, int y)
{
    bool changed = false;
    for (int x = 0; x < screen->back->cols; x++) {
        struct cell *front = surface_cell(screen->front, y, x);
        const struct cell *back = surface_cell(screen->back, y, x);
        if (same_cell(front, back))
            continue;
        *front = *back;
        changed = true;
        if (back->ch != 0)
            show_cell(screen, y, x);
    }
    return changed;
}

void screen_show(struct screen *screen)
{
    bool changed = false;
    for (int y = 0; y < screen->back->rows; y++)
        changed |= show_row(screen, y);
    if (changed)
        refresh();
}

static uint32_t special_key(wint_t code)
{
    static const struct {
        wint_t curses;
        uint32_t key;
    } map[] = {
        {KEY_UP, KEY_CODE_UP},         {KEY_DOWN, KEY_CODE_DOWN},
        {KEY_LEFT, KEY_CODE_LEFT},     {KEY_RIGHT, KEY_CODE_RIGHT},
        {KEY_PPAGE, KEY_CODE_PAGE_UP}, {KEY_NPAGE, KEY_CODE_PAGE_DOWN},
        {KEY_HOME, KEY_CODE_HOME},     {KEY_END, KEY_CODE_END},
        {KEY_IC, KEY_CODE_INSERT},     {KEY_DC, KEY_CODE_DELETE},
        {KEY_BTAB, KEY_CODE_BACK_TAB}, {KEY_BACKSPACE, KEY_CODE_BACKSPACE},
        {KEY_ENTER, KEY_CODE_ENTER},   {KEY_A1, KEY_CODE_HOME},
        {KEY_A3, KEY_CODE_PAGE_UP},    {KEY_C1, KEY_CODE_END},
        {KEY_C3, KEY_CODE_PAGE_DOWN},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(map); i++)
        if (map[i].curses == code)
            return map[i].key;
    if (code > (wint_t)KEY_F0 && code <= (wint_t)KEY_F(12))
        return KEY_CODE_F0 + (code - KEY_F0);
    return KEY_CODE_NONE;
}

static uint32_t plain_key(wint_t ch)
{
    if (ch == '\n')
        return KEY_CODE_ENTER;
    return ch == 8 ? KEY_CODE_BACKSPACE : ch;
}

static struct screen_event click_event(struct screen *screen, const MEVENT *mouse)
{
    int64_t now = g_get_monotonic_time();
    bool again = now - screen->click_us < DOUBLE_CLICK_US && mouse->y == screen->click_y &&
                 mouse->x == screen->click_x;
    screen->click_us = again ? 0 : now;
    screen->click_y = mouse->y;
    screen->click_x = mouse->x;
    return (struct screen_event){
        .kind = again ? SCREEN_DOUBLE_CLICK : SCREEN_CLICK, .y = mouse->y, .x = mouse->x};
}

static struct screen_event mouse_event(struct screen *screen)
{
    MEVENT mouse;
    if (getmouse(&mouse) != OK)
        return (struct screen_event){.kind = SCREEN_NOTHING};
    struct screen_event event = {.kind = SCREEN_NOTHING, .y = mouse.y, .x = mouse.x};
    if (mouse.bstate & BUTTON4_PRESSED)
        event.kind = SCREEN_WHEEL_UP;
    else if (mouse.bstate & BUTTON5_PRESSED)
        event.kind = SCREEN_WHEEL_DOWN;
    else if (mouse.bstate & BUTTON1_PRESSED)
        event = click_event(screen, &mouse);
    return event;
}

/* The next event that curses already has. */
static struct screen_event read_key(struct screen *screen)
{
    wint_t ch;
    int kind = get_wch(&ch);
    if (kind == KEY_CODE_YES && ch == KEY_MOUSE)
        return mouse_event(screen);
    if (kind == KEY_CODE_YES) {
        uint32_t key = special_key(ch);
        return (struct screen_event){.kind = key ? SCREEN_KEY : SCREEN_NOTHING, .key = key};
    }
    if (kind == OK && ch != 0)
        return (struct screen_event){.kind = SCREEN_KEY, .key = plain_key(ch)};
    return (struct screen_event){.kind = SCREEN_NOTHING};
}

static void adopt_size(struct screen *screen)
{
    struct winsize size;
    if (ioctl(fileno(screen->out), TIOCGWINSZ, &size) != 0 || !size.ws_row || !size.ws_col)
        return;
    resizeterm(size.ws_row, size.ws_col);
    new_surfaces(screen);
}

static struct screen_event read_signal(struct screen *screen)
{
    char byte;
    struct screen_event event = {.kind = SCREEN_NOTHING};
    while (event.kind != SCREEN_HANGUP && read(screen->signals, &byte, 1) == 1) {
        if (byte == SIGHUP)
            event.kind = SCREEN_HANGUP;
        else if (byte == SIGTERM)
            event.kind = SCREEN_TERMINATE;
        else if (event.kind == SCREEN_NOTHING)
            event.kind = SCREEN_RESIZED;
    }
    if (event.kind == SCREEN_RESIZED)
        adopt_size(screen);
    return event;
}

/* Readable, yet without a byte: the other side has gone. */
static bool is_gone(const struct screen *screen, short revents)
{
    if (revents & (POLLHUP | POLLERR | POLLNVAL))
        return true;
    int waiting = 0;
    return ioctl(fileno(screen->in), FIONREAD, &waiting) != 0;
}

struct screen_event screen_wait(struct screen *screen, int timeout_ms)
{
    struct screen_event event = read_key(screen);
    if (event.kind != SCREEN_NOTHING)
        return event;
    struct pollfd fds[2] = {{.fd = screen->signals, .events = POLLIN},
                            {.fd = fileno(screen->in), .events = POLLIN}};
    if (poll(fds, 2, timeout_ms) <= 0)
        return event;
    if (fds[0].revents)
        return read_signal(screen);
    if (is_gone(screen, fds[1].revents))
        return (struct screen_event){.kind = SCREEN_HANGUP};
    return read_key(screen);
}

void screen_suspend(struct screen *screen)
{
    endwin();
    kill(getpid(), SIGTSTP);
    refresh();
    set_modes();
    adopt_size(screen);
    screen_redraw(screen);
}
