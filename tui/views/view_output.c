/*
 * Output: what the target writes to its terminal, and the way to type into it.
 */
#include "tui/views/view.h"

#include "tui/views/output_text.h"
#include "tui/widgets/w_list.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    CHUNK_BYTES = 64 * 1024,
    CATCH_UP_BYTES = 1024 * 1024, /* of a refresh; more is skipped, and said */
    SKIP_STEP = 8,
};

struct output {
    struct lens *lens;
    int fd; /* of the output so far; -1 */
    off_t offset;
    bool skipped;  /* some of it came faster than it could be read */
    bool attached; /* to a process whose output goes where it always went */
    struct output_text text;
    struct list list; /* the cursor is only where a search stands */
    bool following;   /* the last line stays in sight */
    int skip;
    struct area lines_area;
};

static void *create(const struct app_options *options, struct lens *lens)
{
    struct output *view = g_new0(struct output, 1);
    view->lens = lens;
    view->attached = options->attached;
    view->fd = options->output_path ? open(options->output_path, O_RDONLY | O_CLOEXEC) : -1;
    view->following = true;
    output_text_init(&view->text);
    list_fit(&view->list, 0, 1);
    return view;
}

static void destroy(void *data)
{
    struct output *view = data;
    if (!view)
        return;
    if (view->fd >= 0)
        close(view->fd);
    output_text_clear(&view->text);
    g_free(view);
}

/* A target that floods its terminal must not hold up the screen. */
static void skip_flood(struct output *view)
{
    off_t end = lseek(view->fd, 0, SEEK_END);
    if (end - view->offset > CATCH_UP_BYTES) {
        view->offset = end - CATCH_UP_BYTES;
        view->skipped = true;
    }
}

static void refresh(void *data)
{
    struct output *view = data;
    if (view->fd < 0)
        return;
    skip_flood(view);
    char *bytes = g_malloc(CHUNK_BYTES);
    ssize_t n;
    while ((n = pread(view->fd, bytes, CHUNK_BYTES, view->offset)) > 0) {
        view->offset += n;
        output_text_add(&view->text, bytes, (gsize)n);
    }
    g_free(bytes);
}

static int line_count(const struct output *view)
{
    const GPtrArray *lines = view->text.lines;
    const GString *last = g_ptr_array_index(lines, lines->len - 1);
    return (int)lines->len - (last->len == 0 ? 1 : 0);
}

static void draw_title(const struct output *view, const struct canvas *canvas)
{
    const char *title = "The target's terminal output";
    if (view->attached)
        title = "The process was there before proftop: its output goes where it always went";
    else if (view->fd < 0)
        title = "The target's output cannot be read";
    else if (view->text.full_screen)
        title = "Only the text of its full screen, not as it is painted there";
    else if (view->skipped)
        title = "The target's terminal output (some of it came too fast and is left out)";
    else if (view->list.count == 0)
        title = "Nothing written to its terminal yet";
    struct style style = theme_style(canvas->theme, ROLE_HEADER);
    surface_fill(canvas->surface, (struct span){canvas->area.y, 0, canvas->surface->cols}, style,
                 ' ');
    surface_text(canvas->surface, (struct span){canvas->area.y, 1, canvas->surface->cols - 2},
                 style, title);
}

static void draw_line(const struct output *view, const struct canvas *canvas, int y, int line)
{
    char *text = output_text_line(&view->text, (guint)line);
    enum role role = lens_matches(view->lens, text) ? ROLE_MATCH : ROLE_NORMAL;
    surface_text_from(canvas->surface, (struct span){y, 0, canvas->surface->cols},
                      theme_style(canvas->theme, role), text, view->skip);
    g_free(text);
}

static void draw(void *data, const struct canvas *canvas)
{
    struct output *view = data;
    view->lines_area = (struct area){canvas->area.y + 1, canvas->area.rows - 1};
    list_fit(&view->list, line_count(view), view->lines_area.rows);
    if (view->following)
        list_move_to(&view->list, view->list.count - 1);
    draw_title(view, canvas);
    for (int i = 0; i < view->lines_area.rows && view->list.top + i < view->list.count; i++)
        draw_line(view, canvas, view->lines_area.y + i, view->list.top + i);
}

static void scroll(struct output *view, int rows)
{
    list_scroll(&view->list, rows);
    view->following = view->list.top + view->list.height >= view->list.count;
}

static bool scroll_request(struct output *view, enum request request)
{
    int page = view->list.height;
    switch (request) {
    case REQUEST_UP:
        scroll(view, -1);
        return true;
    case REQUEST_DOWN:
        scroll(view, 1);
        return true;
    case REQUEST_PAGE_UP:
        scroll(view, -page);
        return true;
    case REQUEST_PAGE_DOWN:
        scroll(view, page);
        return true;
    case REQUEST_HALF_UP:
        scroll(view, -page / 2);
        return true;
    case REQUEST_HALF_DOWN:
        scroll(view, page / 2);
        return true;
    case REQUEST_HOME:
        scroll(view, -view->list.count);
        return true;
    case REQUEST_END:
        scroll(view, view->list.count);
        return true;
    default:
        return false;
    }
}

static enum view_reaction request(void *data, enum request request)
{
    struct output *view = data;
    if (request == REQUEST_TYPE)
        return VIEW_TYPE;
    if (request == REQUEST_LEFT)
        view->skip = MAX(view->skip - SKIP_STEP, 0);
    else if (request == REQUEST_RIGHT)
        view->skip = MIN(view->skip + SKIP_STEP, OUTPUT_LINE_MAX);
    else if (!scroll_request(view, request))
        return VIEW_PASS;
    return VIEW_HANDLED;
}

static enum view_reaction click(void *data, int y, int x, bool twice)
{
    (void)x, (void)twice;
    struct output *view = data;
    if (y < view->lines_area.y || y >= view->lines_area.y + view->lines_area.rows)
        return VIEW_PASS;
    list_move_to(&view->list, view->list.top + y - view->lines_area.y);
    return VIEW_HANDLED;
}

static void wheel(void *data, int rows)
{
    scroll(data, rows);
}

static bool search(void *data, int direction)
{
    struct output *view = data;
    int n = view->list.count;
    int step = direction == VIEW_SEARCH_BACK ? -1 : 1;
    int from = view->list.cursor + direction;
    for (int i = 0; i < n; i++) {
        int line = ((from + i * step) % n + n) % n;
        char *text = output_text_line(&view->text, (guint)line);
        bool found = lens_matches(view->lens, text);
        g_free(text);
        if (!found)
            continue;
        view->following = false;
        list_move_to(&view->list, line);
        return true;
    }
    return false;
}

static bool exists(const struct app_options *options)
{
    return options->output_path || options->attached;
}

const struct view_ops view_output = {
    .name = "Output",
    .number = 0,
    .context = KEYS_OUTPUT,
    .exists = exists,
    .create = create,
    .destroy = destroy,
    .refresh = refresh,
    .draw = draw,
    .request = request,
    .click = click,
    .wheel = wheel,
    .search = search,
};
