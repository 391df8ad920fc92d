#include "unit/kube/json.h"
#include "unit/resource/tables.h"

enum { ARENA_MAX = 64 * 1024 * 1024 };

static void assert_set(const struct fieldset *set, const char *want, const char *what) {
    json_auto_t *fields = fieldset_print(set);
    assert_json(fields, want, what);
}

static void the_tables_say_what_is_owned(void **state) {
    (void)state;
    static const struct {
        const char *object, *all, *applied;
    } cases[] = {
        { "{}", "{}", "{}" },
        { "[]", "{}", "{}" },
        /* identity is nobody's */
        { "{'apiVersion':'v1','kind':'X','metadata':{'name':'a','namespace':'b','uid':'c','resourceVersion':'"
          "1',"
          "'creationTimestamp':'t','generation':1,'managedFields':[],'deletionTimestamp':'t','selfLink':'/"
          "'}}",
          "{}", "{}" },
        { "{'metadata':{}}", "{}", "{}" },
        { "{'metadata':{'generateName':'x'}}", "{'f:metadata':{'f:generateName':{}}}",
          "{'f:metadata':{'f:generateName':{}}}" },
        /* maps and objects by members */
        { "{'metadata':{'labels':{'a':'1','b':'2'}}}",
          "{'f:metadata':{'f:labels':{'.':{},'f:a':{},'f:b':{}}}}",
          "{'f:metadata':{'f:labels':{'f:a':{},'f:b':{}}}}" },
        { "{'Spec':{'statement':{'effect':'allow','actions':['x']}}}",
          "{'f:Spec':{'.':{},'f:statement':{'.':{},'f:actions':{},'f:effect':{}}}}",
          "{'f:Spec':{'f:statement':{'f:actions':{},'f:effect':{}}}}" },
        /* unless atomic */
        { "{'Spec':{'whole':{'effect':'allow'},'wholeExtra':{'a':'b'},'any':{'x':[1]},'users':[{'id':'a'}]}}",
          "{'f:Spec':{'.':{},'f:any':{},'f:users':{},'f:whole':{},'f:wholeExtra':{}}}",
          "{'f:Spec':{'f:any':{},'f:users':{},'f:whole':{},'f:wholeExtra':{}}}" },
        /* sets by value, lists with a key by that */
        { "{'metadata':{'finalizers':['b','a']}}",
          "{'f:metadata':{'f:finalizers':{'.':{},'v:\\'a\\'':{},'v:\\'b\\'':{}}}}",
          "{'f:metadata':{'f:finalizers':{'v:\\'a\\'':{},'v:\\'b\\'':{}}}}" },
        { "{'metadata':{'ownerReferences':[{'uid':'1','kind':'K'}]}}",
          "{'f:metadata':{'f:ownerReferences':{'.':{},'k:{\\'uid\\':\\'1\\'}':{'.':{},'f:kind':{},'f:uid':{}}"
          "}}}",
          "{'f:metadata':{'f:ownerReferences':{'k:{\\'uid\\':\\'1\\'}':{'.':{},'f:kind':{},'f:uid':{}}}}}" },
        /* what is empty is a leaf */
        { "{'Spec':{'extra':{},'users':null,'statement':null,'displayName':''},'metadata':{'finalizers':[],'"
          "labels':null}}",
          "{'f:Spec':{'.':{},'f:displayName':{},'f:extra':{},'f:statement':{},'f:users':{}},"
          "'f:metadata':{'f:finalizers':{},'f:labels':{}}}",
          "{'f:Spec':{'f:displayName':{},'f:extra':{},'f:statement':{},'f:users':{}},"
          "'f:metadata':{'f:finalizers':{},'f:labels':{}}}" },
        { "{'Spec':{}}", "{'f:Spec':{}}", "{'f:Spec':{}}" },
        /* lists that are not what the table wants are owned as a whole */
        { "{'metadata':{'finalizers':['a','a'],'ownerReferences':[{'kind':'x'}]}}",
          "{'f:metadata':{'f:finalizers':{},'f:ownerReferences':{}}}",
          "{'f:metadata':{'f:finalizers':{},'f:ownerReferences':{}}}" },
        { "{'metadata':{'finalizers':['a',1],'ownerReferences':[{'uid':'1'},{'uid':'1'}],'labels':'x'}}",
          "{'f:metadata':{'f:finalizers':{},'f:labels':{},'f:ownerReferences':{}}}",
          "{'f:metadata':{'f:finalizers':{},'f:labels':{},'f:ownerReferences':{}}}" },
        { "{'metadata':{'ownerReferences':[{'uid':{}}]},'Spec':[1]}",
          "{'f:Spec':{},'f:metadata':{'f:ownerReferences':{}}}",
          "{'f:Spec':{},'f:metadata':{'f:ownerReferences':{}}}" },
        /* what is write-only or unknown is not owned */
        { "{'Spec':{'password':'x','unknown':1,'number':1},'unknown':{},'metadata':{'unknown':1}}",
          "{'f:Spec':{'.':{},'f:number':{}}}", "{'f:Spec':{'f:number':{}}}" },
        { "{'Spec':{'password':'x'}}", "{'f:Spec':{}}", "{}" },
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *object = json_quoted(cases[i].object);
        assert_set(fields_all(a, &tables, object), cases[i].all, cases[i].object);
        assert_set(fields_applied(a, &tables, object), cases[i].applied, cases[i].object);
    }
    assert_false(arena_failed(a));
}

static void changes_are_found(void **state) {
    (void)state;
    static const struct {
        const char *old, *object, *added, *modified, *removed;
    } cases[] = {
        { "{}", "{}", "{}", "{}", "{}" },
        { "{}", "{'Spec':{'number':1}}", "{'f:Spec':{'.':{},'f:number':{}}}", "{}", "{}" },
        { "{'Spec':{'number':1}}", "{}", "{}", "{}", "{'f:Spec':{'.':{},'f:number':{}}}" },
        { "{'Spec':{'number':1}}", "{'Spec':{'number':1}}", "{}", "{}", "{}" },
        { "{'Spec':{'number':1,'displayName':'x'}}", "{'Spec':{'number':2,'disabled':true}}",
          "{'f:Spec':{'f:disabled':{}}}", "{'f:Spec':{'f:number':{}}}", "{'f:Spec':{'f:displayName':{}}}" },
        { "{'metadata':{'labels':{'a':'1','b':'2'},'name':'x'}}",
          "{'metadata':{'labels':{'b':'3','c':'4'},'name':'y'}}", "{'f:metadata':{'f:labels':{'f:c':{}}}}",
          "{'f:metadata':{'f:labels':{'f:b':{}}}}", "{'f:metadata':{'f:labels':{'f:a':{}}}}" },
        /* the order of sets and of lists with a key does not matter */
        { "{'metadata':{'finalizers':['a','b'],'ownerReferences':[{'uid':'1'},{'uid':'2','kind':'K'}]}}",
          "{'metadata':{'finalizers':['b','a'],'ownerReferences':[{'uid':'2','kind':'K'},{'uid':'1'}]}}",
          "{}", "{}", "{}" },
        { "{'Spec':{'users':[{'id':'a'},{'id':'b'}]}}", "{'Spec':{'users':[{'id':'b'},{'id':'a'}]}}", "{}",
          "{'f:Spec':{'f:users':{}}}", "{}" },
        /* what comes to the same once stored is the same */
        { "{'Spec':{'users':null,'extra':{},'statement':null,'displayName':''}}",
          "{'Spec':{'users':[],'extra':null,'statement':{},'displayName':null}}", "{}", "{}", "{}" },
        { "{'Spec':{'users':[{'id':'a','name':''}]}}", "{'Spec':{'users':[{'id':'a'}]}}", "{}", "{}", "{}" },
        { "{'Spec':{'whole':{'effect':'allow','actions':null}}}", "{'Spec':{'whole':{'actions':[]}}}", "{}",
          "{}", "{}" },
        { "{'Spec':{'whole':{'effect':'deny'}}}", "{'Spec':{'whole':{}}}", "{}", "{'f:Spec':{'f:whole':{}}}",
          "{}" },
        { "{'Spec':{'wholeExtra':{'a':''}}}", "{'Spec':{'wholeExtra':{'b':''}}}", "{}",
          "{'f:Spec':{'f:wholeExtra':{}}}", "{}" },
        { "{'Spec':{'any':null}}", "{'Spec':{'any':''}}", "{}", "{'f:Spec':{'f:any':{}}}", "{}" },
        /* what is left of an emptied list is a leaf with another value */
        { "{'metadata':{'finalizers':['a']}}", "{'metadata':{'finalizers':[]}}", "{}",
          "{'f:metadata':{'f:finalizers':{}}}", "{'f:metadata':{'f:finalizers':{'v:\\'a\\'':{}}}}" },
        { "{'Spec':{'statement':{'actions':[]}}}", "{'Spec':{'statement':{}}}", "{}",
          "{'f:Spec':{'f:statement':{}}}", "{'f:Spec':{'f:statement':{'f:actions':{}}}}" },
        { "{'metadata':{'finalizers':null}}", "{'metadata':{'finalizers':['a']}}",
          "{'f:metadata':{'f:finalizers':{'v:\\'a\\'':{}}}}", "{}", "{}" },
        { "{'metadata':{'finalizers':['a']}}", "{'metadata':{}}", "{}", "{}",
          "{'f:metadata':{'f:finalizers':{'.':{},'v:\\'a\\'':{}}}}" },
        { "{'metadata':{'managedFields':[1]},'Spec':{'password':'x'}}",
          "{'metadata':{'managedFields':[2]},'Spec':{'password':'y'}}", "{}", "{}", "{}" },
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *old = json_quoted(cases[i].old), *object = json_quoted(cases[i].object);
        struct field_changes c = fields_compare(a, &tables, old, object);
        assert_set(c.added, cases[i].added, cases[i].object);
        assert_set(c.modified, cases[i].modified, cases[i].object);
        assert_set(c.removed, cases[i].removed, cases[i].object);
    }
    json_auto_t *object = json_quoted("{'Spec':{'number':1}}");
    assert_set(fields_compare(a, &tables, NULL, object).added, "{'f:Spec':{'.':{},'f:number':{}}}",
               "creation");
    assert_false(arena_failed(a));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_say_what_is_owned),
        cmocka_unit_test(changes_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
