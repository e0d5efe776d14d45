//===- SequenceFiltersTest.cpp - filters on what has items ----------------===//

#include "test/runtime/jinja/Expressions.h"

namespace swallow::jinja {
namespace {

constexpr std::string_view variables = R"json(
{"s": "Hello World",
 "u": "日本語テキスト",
 "e": "",
 "n": null,
 "i": 7,
 "l": [3, 1, 2],
 "ls": ["b",
 "A",
 "c"],
 "d": {"a": 1,
 "b": 2},
 "ld": [{"n": "x",
 "v": 2,
 "g": "A"}, {"n": "Y",
 "v": 1,
 "g": "b"}, {"n": "z",
 "v": 3,
 "g": "a"}],
 "m": [1,
 "a", 2.5, null, true]}
)json";

// Lazy: what is wrong with them shows when an item is asked for.
constexpr ExpressionCase select[] = {
    {"5|items|reverse",
     "error: FilterArgumentError: argument must be iterable"},
    {"ld|sort(attribute='v',reverse=true)|map(attribute='n')|join", "zxY"},
    {"ld|map(attribute='n')|list", "['x', 'Y', 'z']"},
    {"ld|map(attribute='q')|list", "[Undefined, Undefined, Undefined]"},
    {"ld|map(attribute='q',default='D')|list", "['D', 'D', 'D']"},
    {"ld|map('length')|list", "[3, 3, 3]"},
    {"ls|map('upper')|join(',')", "B,A,C"},
    {"ls|map('nofilter')|list",
     "error: TemplateRuntimeError: No filter named 'nofilter'."},
    {"ls|map()|list",
     "error: FilterArgumentError: map requires a filter argument"},
    {"ls|map(attribute='a',foo=1)|list",
     "error: FilterArgumentError: Unexpected keyword argument 'foo'"},
    {"ls|map(upper)|list",
     "error: TemplateRuntimeError: No filter named Undefined. ('upper' is "
     "undefined; did you forget to quote the callable name?)"},
    {"ld|selectattr('v')|list|length", "3"},
    {"ld|selectattr('v','gt',1)|map(attribute='n')|join", "xz"},
    {"ld|selectattr('v','>',1)|map(attribute='n')|join", "xz"},
    {"ld|rejectattr('v','eq',1)|map(attribute='n')|join", "xz"},
    {"ld|selectattr('q','defined')|list", "[]"},
    {"ld|selectattr()|list",
     "error: FilterArgumentError: Missing parameter for attribute name"},
    {"[0,1,2,'']|select|list", "[1, 2]"},
    {"[0,1,2,'']|reject|list", "[0, '']"},
    {"[1,2,3]|select('odd')|list", "[1, 3]"},
    {"[1,2,3]|reject('odd')|list", "[2]"},
    {"[1,2,3]|select('nope')|list",
     "error: TemplateRuntimeError: No test named 'nope'."},
    {"[1,2,3,4]|select('divisibleby',2)|list", "[2, 4]"},
    {"ld|groupby('g',case_sensitive=true)|map('first')|list",
     "['A', 'a', 'b']"},
};

TEST(SequenceFiltersTest, Select) { check(select, variables); }

constexpr ExpressionCase order[] = {
    {"l|sort", "[1, 2, 3]"},
    {"ls|sort", "['A', 'b', 'c']"},
    {"ls|sort(case_sensitive=true)", "['A', 'b', 'c']"},
    {"ls|sort(reverse=true)", "['c', 'b', 'A']"},
    {"ls|sort(true)", "['c', 'b', 'A']"},
    {"m|sort", "error: TypeError: '<' not supported between instances of 'str' "
               "and 'int'"},
    {"[1,none]|sort", "error: TypeError: '<' not supported between instances "
                      "of 'NoneType' and 'int'"},
    {"ld|sort(attribute='n')", "[{'n': 'x', 'v': 2, 'g': 'A'}, {'n': 'Y', 'v': "
                               "1, 'g': 'b'}, {'n': 'z', 'v': 3, 'g': 'a'}]"},
    {"ld|sort(attribute='g,v')",
     "[{'n': 'x', 'v': 2, 'g': 'A'}, {'n': 'z', 'v': 3, 'g': 'a'}, {'n': 'Y', "
     "'v': 1, 'g': 'b'}]"},
    {"ld|sort(attribute='q')", "[{'n': 'x', 'v': 2, 'g': 'A'}, {'n': 'Y', 'v': "
                               "1, 'g': 'b'}, {'n': 'z', 'v': 3, 'g': 'a'}]"},
    {"ld|groupby('g')",
     "[('A', [{'n': 'x', 'v': 2, 'g': 'A'}, {'n': 'z', 'v': 3, 'g': 'a'}]), "
     "('b', [{'n': 'Y', 'v': 1, 'g': 'b'}])]"},
    {"ld|groupby('q')",
     "error: UndefinedError: 'dict object' has no attribute 'q'"},
    {"ld|groupby('q',default='-')",
     "[('-', [{'n': 'x', 'v': 2, 'g': 'A'}, {'n': 'Y', 'v': 1, 'g': 'b'}, "
     "{'n': 'z', 'v': 3, 'g': 'a'}])]"},
    {"(ld|groupby('g'))[0].grouper", "A"},
    {"(ld|groupby('g'))[0].list|length", "2"},
    {"ls|unique|list", "['b', 'A', 'c']"},
    {"['a','A','b','B','a']|unique|list", "['a', 'b']"},
    {"['a','A','b']|unique(true)|list", "['a', 'A', 'b']"},
    {"[1,1.0,true,'1']|unique|list", "[1, '1']"},
    {"[[1],[1]]|unique|list", "error: TypeError: unhashable type: 'list'"},
    {"l|min", "1"},
    {"l|max", "3"},
    {"ls|min", "A"},
    {"ls|max", "c"},
    {"ls|max(case_sensitive=true)", "c"},
    {"[]|min", ""},
    {"ld|max(attribute='v')", "{'n': 'z', 'v': 3, 'g': 'a'}"},
    {"m|max", "error: TypeError: '>' not supported between instances of 'str' "
              "and 'int'"},
    {"d|dictsort", "[('a', 1), ('b', 2)]"},
    {"{'b':1,'A':2,'a':0}|dictsort", "[('A', 2), ('a', 0), ('b', 1)]"},
    {"{'b':1,'A':2}|dictsort(true)", "[('A', 2), ('b', 1)]"},
    {"{'b':1,'A':2}|dictsort(by='value')", "[('b', 1), ('A', 2)]"},
    {"{'b':1,'A':2}|dictsort(reverse=true)", "[('b', 1), ('A', 2)]"},
    {"{'b':1}|dictsort(by='foo')", "error: FilterArgumentError: You can only "
                                   "sort by either \"key\" or \"value\""},
    {"{1:1,'a':2}|dictsort", "error: TypeError: '<' not supported between "
                             "instances of 'str' and 'int'"},
    {"5|dictsort",
     "error: AttributeError: 'int' object has no attribute 'items'"},
    {"ld|groupby", "error: TypeError: sync_do_groupby() missing 1 required "
                   "positional argument: 'attribute'"},
};

TEST(SequenceFiltersTest, Order) { check(order, variables); }

constexpr ExpressionCase items[] = {
    {"s|length", "11"},
    {"u|length", "7"},
    {"i|length", "error: TypeError: object of type 'int' has no len()"},
    {"n|length", "error: TypeError: object of type 'NoneType' has no len()"},
    {"x|length", "0"},
    {"s|first", "H"},
    {"s|last", "d"},
    {"u|last", "ト"},
    {"e|first", ""},
    {"l|first", "3"},
    {"l|last", "2"},
    {"[]|last", ""},
    {"d|first", "a"},
    {"d|last", "b"},
    {"i|first", "error: TypeError: 'int' object is not iterable"},
    {"l|sum", "6"},
    {"ld|sum(attribute='v')", "6"},
    {"ld|sum('v',10)", "16"},
    {"[]|sum", "0"},
    {"['a']|sum",
     "error: TypeError: unsupported operand type(s) for +: 'int' and 'str'"},
    {"['a']|sum(start='')",
     "error: TypeError: sum() can't sum strings [use ''.join(seq) instead]"},
    {"[[1],[2]]|sum(start=[])", "[1, 2]"},
    {"l|join", "312"},
    {"l|join(', ')", "3, 1, 2"},
    {"l|join(1)", "31112"},
    {"ld|join(',',attribute='n')", "x,Y,z"},
    {"5|join", "error: TypeError: 'int' object is not iterable"},
    {"n|join", "error: TypeError: 'NoneType' object is not iterable"},
    {"s|join('-')", "H-e-l-l-o- -W-o-r-l-d"},
    {"d|join('-')", "a-b"},
    {"l|reverse|list", "[2, 1, 3]"},
    {"s|reverse", "dlroW olleH"},
    {"u|reverse", "トスキテ語本日"},
    {"d|reverse|list", "['b', 'a']"},
    {"5|reverse", "error: FilterArgumentError: argument must be iterable"},
    {"d|items|list", "[('a', 1), ('b', 2)]"},
    {"x|items|list", "[]"},
    {"5|items|list",
     "error: TypeError: Can only get item pairs from a mapping."},
    {"[1,2,3,4,5]|batch(2)|list", "[[1, 2], [3, 4], [5]]"},
    {"[1,2,3,4,5]|batch(2,'x')|list", "[[1, 2], [3, 4], [5, 'x']]"},
    {"[1,2,3]|batch(0)|list", "[[], [1, 2, 3]]"},
    {"[1,2,3]|batch('a')|list", "[[1, 2, 3]]"},
    {"[1,2,3]|batch('a',0)|list", "error: TypeError: '<' not supported between "
                                  "instances of 'int' and 'str'"},
    {"[1,2,3]|batch(-1,0)|list", "[[1, 2, 3]]"},
    {"[]|batch(2)|list", "[]"},
    {"[1,2,3,4,5]|slice(2)|list", "[[1, 2, 3], [4, 5]]"},
    {"[1,2,3,4,5]|slice(3,'x')|list", "[[1, 2], [3, 4], [5, 'x']]"},
    {"[1,2,3,4,5]|slice(7)|list", "[[1], [2], [3], [4], [5], [], []]"},
    {"[1,2]|slice(0)|list",
     "error: ZeroDivisionError: integer division or modulo by zero"},
    {"[1,2]|slice('a')|list",
     "error: TypeError: unsupported operand type(s) for //: 'int' and 'str'"},
    {"[1,2]|slice(2.0)|list",
     "error: TypeError: 'float' object cannot be interpreted as an integer"},
    {"[1,2]|slice(-2)|list", "[]"},
    {"s|list", "['H', 'e', 'l', 'l', 'o', ' ', 'W', 'o', 'r', 'l', 'd']"},
    {"5|list", "error: TypeError: 'int' object is not iterable"},
    {"d|list", "['a', 'b']"},
    {"s|join(1,2,3,4)", "error: TypeError: sync_do_join() takes from 2 to 4 "
                        "positional arguments but 6 were given"},
    {"l|length(1)",
     "error: TypeError: len() takes exactly one argument (2 given)"},
    {"l|length(a=1)", "error: TypeError: len() takes no keyword arguments"},
    {"l|batch", "error: TypeError: do_batch() missing 1 required positional "
                "argument: 'linecount'"},
};

TEST(SequenceFiltersTest, Items) { check(items, variables); }

} // namespace
} // namespace swallow::jinja
