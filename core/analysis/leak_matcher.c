/*
 * Rules against stacks. A function is compared with the patterns once, whatever number of stacks it
 * stands on.
 */
#include "core/analysis/leak_matcher.h"

enum { INNERMOST_MAX = 32 };

/* What fits a function. */
struct verdict {
    bool known;
    int rule;         /* the first that may fit any frame, or LEAK_RULE_NONE */
    uint32_t pattern; /* bits by rule: its pattern fits, of those for the innermost frame */
    uint32_t caller;  /* likewise, what it wants of the next frame */
};

struct leak_matcher {
    const struct leak_rules *rules;
    const struct profile *profile;
    GArray *verdicts; /* struct verdict, by function */
};

struct leak_matcher *leak_matcher_new(const struct leak_rules *rules, const struct profile *profile)
{
    struct leak_matcher *matcher = g_new0(struct leak_matcher, 1);
    matcher->rules = rules;
    matcher->profile = profile;
    matcher->verdicts = g_array_new(FALSE, TRUE, sizeof(struct verdict));
    g_array_set_size(matcher->verdicts, profile->functions->len);
    return matcher;
}

void leak_matcher_free(struct leak_matcher *matcher)
{
    if (!matcher)
        return;
    g_array_unref(matcher->verdicts);
    g_free(matcher);
}

/* A mark stands for frames that nobody saw: no file, no name. */
static bool fits(const struct leak_matcher *m, const char *pattern, const struct function *f)
{
    const struct module *module = profile_get_module(m->profile, f->module);
    if (module->kind == MODULE_SPECIAL)
        return false;
    return leak_pattern_matches(pattern, f->name) || leak_pattern_matches(pattern, f->linkage) ||
           leak_pattern_matches(pattern, f->file) || leak_pattern_matches(pattern, module->path);
}

static struct verdict judge(const struct leak_matcher *m, const struct function *f)
{
    struct verdict v = {.known = true, .rule = LEAK_RULE_NONE};
    for (unsigned i = 0; i < leak_rules_count(m->rules); i++) {
        const struct leak_rule *rule = leak_rules_get(m->rules, i);
        if (rule->innermost) {
            g_assert(i < INNERMOST_MAX);
            v.pattern |= (uint32_t)fits(m, rule->pattern, f) << i;
            v.caller |= (uint32_t)(!rule->caller || fits(m, rule->caller, f)) << i;
        } else if (v.rule == LEAK_RULE_NONE && fits(m, rule->pattern, f)) {
            v.rule = (int)i;
        }
    }
    return v;
}

static const struct verdict *verdict_of(struct leak_matcher *m, uint32_t function)
{
    struct verdict *verdict = &g_array_index(m->verdicts, struct verdict, function);
    if (!verdict->known)
        *verdict = judge(m, profile_get_function(m->profile, function));
    return verdict;
}

/* The first rule for the innermost frame that holds. Such rules are about files, so any line of a
 * frame speaks for it. */
static int find_innermost(struct leak_matcher *m, const uint32_t *frames, uint32_t n)
{
    const struct profile *p = m->profile;
    uint32_t fit = verdict_of(m, profile_frame_lines(p, frames[0])->function)->pattern;
    if (fit == 0)
        return LEAK_RULE_NONE;
    if (n > 1)
        fit &= verdict_of(m, profile_frame_lines(p, frames[1])->function)->caller;
    for (unsigned i = 0; i < leak_rules_count(m->rules) && i < INNERMOST_MAX; i++)
        if (fit >> i & 1 && (n > 1 || !leak_rules_get(m->rules, i)->caller))
            return (int)i;
    return LEAK_RULE_NONE;
}

static int find_in_frame(struct leak_matcher *m, uint32_t frame)
{
    const struct line *lines = profile_frame_lines(m->profile, frame);
    for (uint32_t i = 0; i < profile_get_frame(m->profile, frame)->n_lines; i++) {
        int rule = verdict_of(m, lines[i].function)->rule;
        if (rule != LEAK_RULE_NONE)
            return rule;
    }
    return LEAK_RULE_NONE;
}

int leak_matcher_find(struct leak_matcher *m, uint32_t stack)
{
    const uint32_t *frames = profile_stack_frames(m->profile, stack);
    uint32_t n = profile_get_stack(m->profile, stack)->n_frames;
    int rule = find_innermost(m, frames, n);
    for (uint32_t i = 0; i < n && rule == LEAK_RULE_NONE; i++)
        rule = find_in_frame(m, frames[i]);
    return rule;
}
