/* C functions that exceptions of throws_calls.cc go through: compiled without any provision for it.
 */
long c_outer(long (*callback)(long), long x);
long c_inner(long (*callback)(long), long x);
unsigned c_calls_outer, c_calls_inner;

__attribute__((noipa)) long c_inner(long (*callback)(long), long x)
{
    c_calls_inner++;
    return callback(x) + 1;
}

__attribute__((noipa)) long c_outer(long (*callback)(long), long x)
{
    c_calls_outer++;
    return c_inner(callback, x) + 1;
}
