/* Python scripts, run by CPython inside this process. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include "private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define SCRIPT_MAX (1 << 20)

/*
 * What Python does best itself: runs the script and says which variables it leaves, on which line
 * each was assigned last, and which were declared. Returns (line, reason) when it fails. Uses modules
 * of the interpreter itself alone: reading those of its library takes longer than all else in xm.
 */
static const char helper[] =
	"import _ast, sys\n"
	"class Wrong(Exception): pass\n"
	"def walk(node):\n"
	"    left = [node]\n"
	"    while left:\n"
	"        node = left.pop()\n"
	"        yield node\n"
	"        for field in node._fields:\n"
	"            value = getattr(node, field, None)\n"
	"            left += [child for child in (value if isinstance(value, list) else [value])\n"
	"                     if isinstance(child, _ast.AST)]\n"
	"def make_vars(scope, given, declared):\n"
	"    def var(name, use='', check=None, **more):\n"
	"        declared[name] = (use, check)\n"
	"    def check():\n"
	"        for name, (use, test) in declared.items():\n"
	"            if name not in given:\n"
	"                raise Wrong(f\"variable '{name}' is missing, say {name}=VALUE: {use}\")\n"
	"            if test:\n"
	"                try: scope[name] = test(name, given[name])\n"
	"                except ValueError: raise Wrong(f\"{name}={given[name]} is wrong: {use}\") "
	"from None\n"
	"    module = type(sys)('xm_vars', 'Variables that a configuration wants to be "
	"told.')\n"
	"    module.var, module.check = var, check\n"
	"    return module\n"
	"def where(error, path):\n"
	"    line, trace = 0, error.__traceback__\n"
	"    while trace:\n"
	"        if trace.tb_frame.f_code.co_filename == path: line = trace.tb_lineno\n"
	"        trace = trace.tb_next\n"
	"    return line\n"
	"def run(path, source, given):\n"
	"    scope, declared, lines = dict(given), {}, {}\n"
	"    scope.update(__name__='__main__', __file__=path, xm_vars=make_vars(scope, given, "
	"declared))\n"
	"    sys.modules['xm_vars'] = scope['xm_vars']\n"
	"    try:\n"
	"        tree = compile(source, path, 'exec', _ast.PyCF_ONLY_AST)\n"
	"        for node in walk(tree):\n"
	"            if isinstance(node, _ast.Name) and isinstance(node.ctx, _ast.Store):\n"
	"                lines[node.id] = max(node.lineno, lines.get(node.id, 0))\n"
	"        exec(compile(tree, path, 'exec'), scope)\n"
	"    except Wrong as e: return where(e, path), str(e)\n"
	"    except SyntaxError as e: return (e.lineno or 0) if e.filename == path else where(e, "
	"path), e.msg\n"
	"    except SystemExit as e: return where(e, path), 'the script calls exit'\n"
	"    except BaseException as e:\n"
	"        return where(e, path), f'{type(e).__name__}: {e}'.splitlines()[0]\n"
	"    return [(name, value, lines.get(name, 0), name in declared) for name, value in "
	"scope.items()\n"
	"            if not name.startswith('_') and value is not None]\n";

/* The first line of Python's own error, which is cleared. */
static bool python_failed(GError **error)
{
	PyObject *type, *value, *trace, *text;

	PyErr_Fetch(&type, &value, &trace);
	text = value ? PyObject_Str(value) : NULL;
	conf_fail(error, "Python: %s", text ? PyUnicode_AsUTF8(text) ?: "no reason" : "no reason");
	PyErr_Clear();
	Py_XDECREF(text);
	Py_XDECREF(type);
	Py_XDECREF(value);
	Py_XDECREF(trace);
	return false;
}

/* Nothing of the user's environment changes what a script means. */
static bool start_python(GError **error)
{
	PyConfig config;
	PyStatus status;

	if (Py_IsInitialized())
		return true;
	PyConfig_InitIsolatedConfig(&config);
	config.install_signal_handlers = 0;
	config.site_import = 0;
	config.write_bytecode = 0;
	status = PyConfig_SetBytesString(&config, &config.program_name, "/usr/bin/python3");
	if (!PyStatus_Exception(status))
		status = Py_InitializeFromConfig(&config);
	PyConfig_Clear(&config);
	if (PyStatus_Exception(status))
		return conf_fail(error, "Python does not start: %s", status.err_msg ?: "no reason");
	return true;
}

static GVariant *from_python(PyObject *object, unsigned depth);

static GVariant *from_list(PyObject *list, unsigned depth)
{
	GVariantBuilder items;
	PyObject *item;

	g_variant_builder_init(&items, G_VARIANT_TYPE("av"));
	for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list); i++) {
		item = PySequence_Fast_GET_ITEM(list, i);
		g_variant_builder_add(&items, "v", from_python(item, depth + 1));
	}
	return g_variant_builder_end(&items);
}

static GVariant *from_python(PyObject *object, unsigned depth)
{
	if (PyUnicode_Check(object)) {
		Py_ssize_t length;
		const char *text = PyUnicode_AsUTF8AndSize(object, &length);

		if (text && strlen(text) == length)
			return g_variant_new_string(text);
	} else if (PyBool_Check(object)) {
		return g_variant_new_boolean(object == Py_True);
	} else if (PyLong_Check(object)) {
		int overflow;
		long long number = PyLong_AsLongLongAndOverflow(object, &overflow);

		if (!overflow)
			return g_variant_new_int64(number);
	} else if (PyFloat_Check(object)) {
		return g_variant_new_double(PyFloat_AS_DOUBLE(object));
	} else if ((PyList_Check(object) || PyTuple_Check(object)) && depth < 4) {
		return from_list(object, depth);
	}
	PyErr_Clear();
	return g_variant_new_tuple(NULL, 0);
}

static PyObject *python_dict(GHashTable *table)
{
	PyObject *dict = PyDict_New();
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, table);
	while (dict && g_hash_table_iter_next(&iter, &key, &value)) {
		PyObject *text = PyUnicode_DecodeFSDefault(value);

		if (!text || PyDict_SetItemString(dict, key, text))
			Py_CLEAR(dict);
		Py_XDECREF(text);
	}
	return dict;
}

static bool take_result(struct conf *conf, const char *path, PyObject *result, conf_found_fn *found,
	void (*warn)(const char *), GError **error)
{
	if (PyTuple_Check(result)) {
		int line;
		const char *reason;

		if (!PyArg_ParseTuple(result, "is", &line, &reason))
			return python_failed(error);
		return line ? conf_fail(error, "%s:%d: %s", path, line, reason)
			    : conf_fail(error, "%s: %s", path, reason);
	}
	for (Py_ssize_t i = 0; i < PyList_GET_SIZE(result); i++) {
		const char *name;
		PyObject *value;
		unsigned line;
		int declared;
		g_autoptr(GVariant) variant = NULL;

		if (!PyArg_ParseTuple(
			    PyList_GET_ITEM(result, i), "sOIp", &name, &value, &line, &declared))
			return python_failed(error);
		variant = g_variant_ref_sink(from_python(value, 0));
		if (!found(conf, name, variant, line, declared, warn, error))
			return false;
	}
	return true;
}

static bool read_source(const char *path, char **source, gsize *length, GError **error)
{
	FILE *file = fopen(path, "re");
	bool ok;

	if (!file)
		return conf_fail(error, "%s: %s", path, g_strerror(errno));
	*source = g_malloc(SCRIPT_MAX + 1);
	*length = fread(*source, 1, SCRIPT_MAX + 1, file);
	ok = !ferror(file);
	if (!ok)
		conf_fail(error, "%s: %s", path, g_strerror(errno));
	else if (*length > SCRIPT_MAX)
		ok = conf_fail(error, "%s: is longer than %d bytes", path, SCRIPT_MAX);
	fclose(file);
	return ok;
}

bool conf_run_script(struct conf *conf, const char *path, conf_found_fn *found,
	void (*warn)(const char *), GError **error)
{
	g_autofree char *source = NULL;
	PyObject *scope, *done = NULL, *result = NULL, *given;
	gsize length = 0;
	bool ok;

	if (!read_source(path, &source, &length, error) || !start_python(error))
		return false;
	scope = PyDict_New();
	given = python_dict(conf->given);
	if (scope && given && !PyDict_SetItemString(scope, "__builtins__", PyEval_GetBuiltins()))
		done = PyRun_String(helper, Py_file_input, scope, scope);
	if (done)
		result = PyObject_CallFunction(PyDict_GetItemString(scope, "run"), "sy#O", path,
			source, (Py_ssize_t)length, given);
	ok = result ? take_result(conf, path, result, found, warn, error) : python_failed(error);
	Py_XDECREF(result);
	Py_XDECREF(done);
	Py_XDECREF(given);
	Py_XDECREF(scope);
	return ok;
}
