/* The tree of calls: each call has one node, however many ask for it at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <glib.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "collectors/target/stack_tree.h"

enum {
    INDEX_OFFSET = 8 << 20,
    SEGMENT_BYTES = 16 << 20,
    CALLS = 100000,
    THREADS = 4,
};

struct fixture {
    struct segment_area nodes, index;
    struct stack_tree tree;
    uint32_t n_nodes;
};

static void make(struct fixture *fixture, uint32_t nodes_max, uint32_t lines_max)
{
    struct wire_area nodes = {0, 256, nodes_max};
    struct wire_area index = {INDEX_OFFSET, 64, lines_max};
    int fd = memfd_create("segment", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, SEGMENT_BYTES), 0);
    assert_true(segment_area_map(&fixture->nodes, fd, &nodes, sizeof(struct wire_heap_node),
                                 SEGMENT_BYTES));
    assert_true(segment_area_map(&fixture->index, fd, &index, sizeof(struct stack_tree_line),
                                 SEGMENT_BYTES));
    close(fd);
    stack_tree_init(&fixture->tree, &fixture->nodes, &fixture->index, &fixture->n_nodes);
}

static int set_up(void **state)
{
    struct fixture *fixture = g_new0(struct fixture, 1);
    make(fixture, 1 << 18, 1 << 14);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    segment_area_unmap(&fixture->nodes);
    segment_area_unmap(&fixture->index);
    g_free(fixture);
    return 0;
}

/* The i-th call of a tree in which each node has some children. */
static uint32_t call(struct fixture *fixture, const uint32_t *nodes, uint32_t i)
{
    uint32_t parent = i < 10 ? i % WIRE_ROOTS : nodes[i / 10];
    return stack_tree_child(&fixture->tree, parent, 0x7f0000001000 + i % 10 * 5, i % 3);
}

static void test_call_has_one_node(void **state)
{
    struct fixture *fixture = *state;
    uint32_t *nodes = g_new0(uint32_t, CALLS);
    for (uint32_t i = 0; i < CALLS; i++) {
        nodes[i] = call(fixture, nodes, i);
        assert_int_equal(nodes[i], WIRE_ROOTS + i); /* a new one for each */
    }
    for (uint32_t i = 0; i < CALLS; i++)
        assert_int_equal(call(fixture, nodes, i), nodes[i]);
    assert_int_equal(fixture->n_nodes, WIRE_ROOTS + CALLS);
    g_free(nodes);
}

static void test_node_says_what_it_is(void **state)
{
    struct fixture *fixture = *state;
    uint32_t number = stack_tree_child(&fixture->tree, WIRE_ROOT_BROKEN, 0x7ffffffffff1, 77);
    const struct wire_heap_node *node = segment_area_at(&fixture->nodes, number);
    assert_int_equal(node->address, 0x7ffffffffff1);
    assert_int_equal(node->module, 77);
    assert_int_equal(node->parent, WIRE_ROOT_BROKEN);
    assert_int_equal(node->row, 0);
}

static void test_what_differs_in_one_thing_differs(void **state)
{
    struct fixture *fixture = *state;
    uint32_t node = stack_tree_child(&fixture->tree, 1, 0x1000, 1);
    assert_int_not_equal(stack_tree_child(&fixture->tree, 2, 0x1000, 1), node);
    assert_int_not_equal(stack_tree_child(&fixture->tree, 1, 0x1001, 1), node);
    assert_int_not_equal(stack_tree_child(&fixture->tree, 1, 0x1000, 2), node);
    assert_int_equal(stack_tree_child(&fixture->tree, 1, 0x1000, 1), node);
}

/* Nodes are used up before the index is: it is small for its first chunk only. */
static void test_no_nodes_is_zero(void **state)
{
    struct fixture fixture = {0};
    uint32_t n = 0;
    (void)state;
    make(&fixture, 1024, 1 << 14);
    for (uint32_t i = 0; i < 4096; i++)
        n += stack_tree_child(&fixture.tree, 0, 0x1000 + i, 1) != 0;
    assert_int_equal(n, 1024 - WIRE_ROOTS);
    assert_int_equal(stack_tree_child(&fixture.tree, 0, 0x1000, 1), WIRE_ROOTS);
    segment_area_unmap(&fixture.nodes);
    segment_area_unmap(&fixture.index);
}

static void test_no_index_is_zero(void **state)
{
    struct fixture fixture = {0};
    uint32_t n = 0;
    (void)state;
    make(&fixture, 1 << 18, 256);
    for (uint32_t i = 0; i < 8192; i++)
        n += stack_tree_child(&fixture.tree, 0, 0x1000 + i, 1) != 0;
    /* levels of 64, 64 and 128 lines; most of their slots are used before a line of each is full */
    assert_in_range(n, 256 * WIRE_INDEX_SLOTS * 8 / 10, 256 * WIRE_INDEX_SLOTS);
    assert_int_equal(stack_tree_child(&fixture.tree, 0, 0x1000, 1), WIRE_ROOTS);
    segment_area_unmap(&fixture.nodes);
    segment_area_unmap(&fixture.index);
}

struct adder {
    struct fixture *fixture;
    uint32_t *nodes;
};

static void *add_all(void *data)
{
    struct adder *adder = data;
    for (uint32_t i = 0; i < CALLS; i++)
        adder->nodes[i] = call(adder->fixture, adder->nodes, i);
    return NULL;
}

static void test_threads_get_the_same_nodes(void **state)
{
    struct adder adders[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        adders[i] = (struct adder){*state, g_new0(uint32_t, CALLS)};
        pthread_create(&threads[i], NULL, add_all, &adders[i]);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < THREADS; i++)
        assert_memory_equal(adders[i].nodes, adders[0].nodes, CALLS * sizeof(uint32_t));
    for (int i = 0; i < THREADS; i++)
        g_free(adders[i].nodes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_call_has_one_node, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_node_says_what_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_differs_in_one_thing_differs, set_up, tear_down),
        cmocka_unit_test(test_no_nodes_is_zero),
        cmocka_unit_test(test_no_index_is_zero),
        cmocka_unit_test_setup_teardown(test_threads_get_the_same_nodes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
