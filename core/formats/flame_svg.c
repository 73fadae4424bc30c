/*
 * Flame graphs as SVG.
 *
 * The file holds the same tree twice. First as a picture, complete in itself: what is wide enough
 * to be seen. Then as two tables of text for the script, which draws anew from them: functions, one
 * a line, and frames, one a line, rows from the top and each from left to right, with the line of
 * the frame above, the line of the function, and weights.
 */
#include "core/formats/flame_svg.h"

#include <string.h>

#include "core/base/text.h"
#include "core/formats/flame_heading.h"
#include "core/formats/xml_text.h"
#include "core/model/flame_layout.h"

static const char style[] =
#include "core/formats/flame_svg.css.inc"
    ;
static const char script[] =
#include "core/formats/flame_svg.js.inc"
    ;

/* Pixels of the picture; the script chooses its own width. */
enum { WIDTH = 1200, MARGIN = 10, BOXES_WIDTH = WIDTH - 2 * MARGIN, TOP = 64, ROW = 18, BOX = 17 };
enum { LABEL_INDENT = 4, LABEL_BASELINE = 13, FOOT = 30 };

#define CELL_WIDTH      7.2 /* of the fixed-width font */
#define NARROWEST_SHOWN 0.4 /* pixels */

/* At most so many frames, in the file and in its picture. */
enum { FRAMES_MAX = 30000, SHOWN_MAX = 3000 };

/* What is less than such a part of the whole is never kept. */
enum { WHOLE_MAX = 10000000 };

struct flame_picture {
    const struct calltree *tree;
    const struct profile *profile;
    struct calltree_metric metric;
    const struct flame_svg_options *options;
    GArray *boxes; /* struct flame_box */
    GString *out;
    int64_t total;
    int64_t least_shown;   /* a frame with less is not in the picture */
    double unseen;         /* share of the time whose stacks the picture cuts short */
    double cut;            /* likewise, of the file */
    uint32_t *box_of_node; /* its line in the table of frames */
    uint32_t *line_of;     /* by function: its line, from 1; 0 not yet */
    GArray *functions;     /* uint32_t functions in the order of their lines */
};

/* Coordinates have a point whatever the locale. */
static void append_pixels(GString *out, const char *attribute, double value)
{
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    g_ascii_formatd(digits, sizeof digits, "%.2f", value);
    g_string_append_printf(out, " %s=\"%s\"", attribute, digits);
}

/* --- what is left out --- */

static unsigned count_frames(const struct calltree *tree, int64_t least)
{
    unsigned n = 0;
    for (guint i = 0; i < tree->nodes->len; i++)
        n += calltree_node(tree, i)->total.value >= least;
    return n;
}

/* The weight that at most `max` frames reach, `least` at the least. A frame is never lighter than
 * what is below it, so what reaches it hangs together. */
static int64_t least_weight(const struct calltree *tree, int64_t least, unsigned max)
{
    /* The limit is for files with negative weights: there a frame may outweigh its parent. */
    while (count_frames(tree, least) > max && least < INT64_MAX / 2)
        least += least / 4 + 1;
    return least;
}

/* Share of the time whose stacks go on in frames lighter than `least`. */
static double share_below(const struct flame_picture *p, int64_t least)
{
    double missing = 0;
    for (guint i = 0; i < p->boxes->len; i++) {
        uint32_t id = g_array_index(p->boxes, struct flame_box, i).node;
        int64_t total = calltree_node(p->tree, id)->total.value;
        if (total < least)
            continue;
        missing += (double)(total - calltree_self(p->tree, id).value);
        missing -= id == CALLTREE_ROOT ? 0 : (double)total;
    }
    return p->total > 0 ? MAX(missing, 0) / (double)p->total : 0;
}

static void lay_out(struct flame_picture *p)
{
    int64_t least = least_weight(p->tree, 1 + p->total / WHOLE_MAX, FRAMES_MAX);
    double unit = (double)BOXES_WIDTH / (double)MAX(p->total, 1);
    flame_layout(p->tree, CALLTREE_ROOT, BOXES_WIDTH, ((double)least - 0.5) * unit, p->boxes);
    p->least_shown = least_weight(p->tree, 1 + (int64_t)(NARROWEST_SHOWN / unit), SHOWN_MAX);
    p->cut = share_below(p, 1);
    p->unseen = share_below(p, p->least_shown);
}

/* --- the picture --- */

/* Red, green or blue of a colour given as hue, saturation and lightness (n = 0, 8, 4). */
static unsigned channel(double hue, double saturation, double lightness, double n)
{
    double k = n + hue / 30.0;
    k -= k >= 12 ? 12 : 0;
    double slope = CLAMP(MIN(k - 3, 9 - k), -1.0, 1.0);
    double chroma = saturation * MIN(lightness, 1 - lightness);
    return (unsigned)((lightness - chroma * slope) * 255 + 0.5);
}

/* Light enough for dark text everywhere; grey for what is no function. */
static void append_color(const struct flame_picture *p, uint32_t function)
{
    double shade = 0.5, hue = 0, saturation = 0;
    if (function != PROFILE_NONE) {
        const struct function *f = profile_get_function(p->profile, function);
        const struct module *module = profile_get_module(p->profile, f->module);
        saturation = module->kind == MODULE_SPECIAL ? 0 : 0.72;
        hue = flame_hue(module->name, f->name, &shade);
    }
    double lightness = 0.68 + 0.13 * shade;
    g_string_append_printf(p->out, "%02x%02x%02x", channel(hue, saturation, lightness, 0),
                           channel(hue, saturation, lightness, 8),
                           channel(hue, saturation, lightness, 4));
}

static const char *label_of(const struct flame_picture *p, uint32_t function)
{
    if (function == PROFILE_NONE)
        return "all";
    const struct function *f = profile_get_function(p->profile, function);
    return *f->brief ? f->brief : f->name;
}

/* File of a function; "" for what is none. */
static const char *module_of(const struct flame_picture *p, uint32_t function)
{
    const struct function *f = profile_get_function(p->profile, function);
    const struct module *module = profile_get_module(p->profile, f->module);
    return module->kind == MODULE_SPECIAL ? "" : module->name;
}

static void append_tooltip(struct flame_picture *p, const struct calltree_node *node)
{
    GString *out = p->out;
    g_string_append(out, "<title>");
    if (node->function == PROFILE_NONE) {
        g_string_append(out, "all");
    } else {
        xml_text_append(out, profile_get_function(p->profile, node->function)->name);
        g_string_append_c(out, '\n');
        xml_text_append(out, module_of(p, node->function));
    }
    g_string_append_printf(out, "\n%.1f %%, ",
                           100.0 * (double)node->total.value / (double)p->total);
    flame_heading_value(p->tree, out, node->total.value);
    if (p->metric.counted)
        g_string_append_printf(out, ", %" G_GINT64_FORMAT " %s", node->total.count,
                               p->metric.counted);
    g_string_append(out, "</title>");
}

static void append_box(struct flame_picture *p, const struct flame_box *box)
{
    const struct calltree_node *node = calltree_node(p->tree, box->node);
    GString *out = p->out;
    double y = box->row * ROW, gap = MIN(1.0, box->width / 4);
    g_string_append(out, "<g class=\"frame\">");
    append_tooltip(p, node);
    g_string_append(out, "<rect");
    append_pixels(out, "x", box->x);
    append_pixels(out, "width", box->width - gap);
    g_string_append_printf(out, " y=\"%.0f\" height=\"%d\" rx=\"2\" fill=\"#", y, BOX);
    append_color(p, node->function);
    g_string_append(out, "\"/>");
    int columns = (int)((box->width - 2 * LABEL_INDENT) / CELL_WIDTH);
    if (columns >= XML_LABEL_MIN) {
        g_string_append(out, "<text");
        append_pixels(out, "x", box->x + LABEL_INDENT);
        g_string_append_printf(out, " y=\"%.0f\">", y + LABEL_BASELINE);
        xml_text_append_label(out, label_of(p, node->function), columns);
        g_string_append(out, "</text>");
    }
    g_string_append(out, "</g>\n");
}

/* What shares are of. */
static const char *whole_of(const struct flame_picture *p)
{
    return p->tree->options.of == CALLTREE_OF_SAMPLES ? "the time" : p->metric.name;
}

/* Says how much of it all goes on where the picture ends. */
static void append_note(struct flame_picture *p, int y)
{
    g_string_append_printf(p->out, "<text class=\"note\" x=\"%d\" y=\"%d\">", MARGIN, y);
    if (p->total <= 0)
        g_string_append(p->out, "Nothing was measured.");
    else if (p->unseen >= 0.0005)
        g_string_append_printf(p->out, "%.1f %% of %s goes on in frames too narrow to draw.",
                               100 * p->unseen, whole_of(p));
    g_string_append(p->out, "</text>\n");
}

static uint32_t last_row_shown(const struct flame_picture *p)
{
    uint32_t row = 0;
    for (guint i = 0; i < p->boxes->len; i++) {
        const struct flame_box *box = &g_array_index(p->boxes, struct flame_box, i);
        if (calltree_node(p->tree, box->node)->total.value >= p->least_shown)
            row = MAX(row, box->row);
    }
    return row;
}

static void append_picture(struct flame_picture *p)
{
    g_string_append_printf(p->out, "<g id=\"frames\" transform=\"translate(%d %d)\">\n", MARGIN,
                           TOP);
    for (guint i = 0; i < p->boxes->len; i++) {
        const struct flame_box *box = &g_array_index(p->boxes, struct flame_box, i);
        if (calltree_node(p->tree, box->node)->total.value >= p->least_shown)
            append_box(p, box);
    }
    g_string_append(p->out, "</g>\n");
    append_note(p, TOP + ((int)last_row_shown(p) + 1) * ROW + FOOT / 2);
}

/* --- the tables --- */

static uint32_t line_of_function(struct flame_picture *p, uint32_t function)
{
    if (p->line_of[function] == 0) {
        g_array_append_val(p->functions, function);
        p->line_of[function] = p->functions->len;
    }
    return p->line_of[function] - 1;
}

/* PARENT FUNCTION VALUE SAMPLES, and where it has time of its own SELF-VALUE SELF-SAMPLES. */
static void append_frame(struct flame_picture *p, uint32_t line)
{
    uint32_t id = g_array_index(p->boxes, struct flame_box, line).node;
    const struct calltree_node *node = calltree_node(p->tree, id);
    struct weight self = calltree_self(p->tree, id);
    p->box_of_node[id] = line;
    if (id == CALLTREE_ROOT)
        g_string_append(p->out, "-1 -1");
    else
        g_string_append_printf(p->out, "%u %u", p->box_of_node[node->parent],
                               line_of_function(p, node->function));
    g_string_append_printf(p->out, " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, node->total.value,
                           node->total.count);
    if (self.value > 0)
        g_string_append_printf(p->out, " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, self.value,
                               self.count);
    g_string_append_c(p->out, '\n');
}

/* COLOUR LABEL MODULE NAME, with tabs between them, which no clean text holds; without a name where
 * the label is all of it. */
static void append_function(struct flame_picture *p, uint32_t function)
{
    const struct function *f = profile_get_function(p->profile, function);
    append_color(p, function);
    g_string_append_c(p->out, '\t');
    xml_text_append(p->out, label_of(p, function));
    g_string_append_c(p->out, '\t');
    xml_text_append(p->out, module_of(p, function));
    if (*f->brief && strcmp(f->brief, f->name) != 0) {
        g_string_append_c(p->out, '\t');
        xml_text_append(p->out, f->name);
    }
    g_string_append_c(p->out, '\n');
}

static void append_tables(struct flame_picture *p)
{
    g_string_append(p->out, "<metadata id=\"frame-table\">\n");
    for (guint i = 0; i < p->boxes->len; i++)
        append_frame(p, i);
    g_string_append(p->out, "</metadata>\n<metadata id=\"function-table\">\n");
    for (guint i = 0; i < p->functions->len; i++)
        append_function(p, g_array_index(p->functions, uint32_t, i));
    g_string_append(p->out, "</metadata>\n");
}

/* --- the file --- */

/* What the script has to know of the tables. */
static void append_facts(struct flame_picture *p)
{
    uint32_t zoom = p->box_of_node[p->options->zoom];
    g_string_append_printf(p->out, "<metadata id=\"facts\" data-inverted=\"%d\" data-zoom=\"%u\"",
                           p->tree->options.inverted, zoom == PROFILE_NONE ? 0 : zoom);
    append_pixels(p->out, "data-cut-percent", 100 * p->cut);
    g_string_append(p->out, " data-unit=\"");
    xml_text_append(p->out, p->metric.unit);
    g_string_append(p->out, "\" data-metric=\"");
    xml_text_append(p->out, p->metric.name);
    g_string_append_printf(p->out, "\" data-whole=\"%s\" data-counted=\"%s\"/>\n", whole_of(p),
                           p->metric.counted ? p->metric.counted : "");
}

static void append_head(struct flame_picture *p)
{
    int height = TOP + ((int)last_row_shown(p) + 1) * ROW + FOOT;
    GString *out = p->out;
    g_string_append_printf(out,
                           "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                           "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                           "viewBox=\"0 0 %d %d\">\n",
                           WIDTH, height, WIDTH, height);
    g_string_append(out, "<title>");
    flame_heading_title(p->tree, out);
    g_string_append_printf(out,
                           "</title>\n<style>\n%s</style>\n"
                           "<rect class=\"page\" width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
                           "<text id=\"title\" x=\"%d\" y=\"26\">",
                           style, MARGIN);
    flame_heading_title(p->tree, out);
    g_string_append_printf(out, "</text>\n<text id=\"subtitle\" x=\"%d\" y=\"46\">", MARGIN);
    flame_heading_subtitle(p->tree, p->options->scope, out);
    g_string_append(out, "</text>\n");
}

static void append_all(struct flame_picture *p)
{
    lay_out(p);
    append_head(p);
    append_picture(p);
    append_tables(p);
    append_facts(p);
    g_string_append_printf(p->out, "<script><![CDATA[\n%s]]></script>\n</svg>\n", script);
}

GString *flame_svg(const struct calltree *tree, const struct flame_svg_options *options)
{
    struct flame_picture p = {.tree = tree,
                              .profile = tree->profile,
                              .metric = calltree_metric(tree),
                              .options = options,
                              .boxes = g_array_new(FALSE, FALSE, sizeof(struct flame_box)),
                              .out = g_string_new(NULL),
                              .total = calltree_node(tree, CALLTREE_ROOT)->total.value,
                              .box_of_node = g_new(uint32_t, tree->nodes->len),
                              .line_of = g_new0(uint32_t, tree->profile->functions->len),
                              .functions = g_array_new(FALSE, FALSE, sizeof(uint32_t))};
    memset(p.box_of_node, 0xFF, tree->nodes->len * sizeof *p.box_of_node); /* PROFILE_NONE */
    append_all(&p);
    g_array_unref(p.functions);
    g_free(p.line_of);
    g_free(p.box_of_node);
    g_array_unref(p.boxes);
    return p.out;
}
