// validate.cjs - texts that grammars derive, judged by ajv under their schemas.
//   node validate.cjs DIRECTORY-OF-node_modules FILE     FILE: {"schema", "texts"} a line, as test_schema_samples --write makes it
// SPDX-License-Identifier: MIT
const fs = require('fs');
const path = require('path');
const Ajv = require(path.resolve(process.argv[2], 'ajv/dist/2020')).default;

// Numbers of more digits than a double holds are rounded before ajv sees them.
const beyondDouble = (text) =>
	(text.match(/-?\d+(\.\d+)?/g) || []).some((n) => n.replace(/[-.]/g, '').replace(/^0+/, '').length > 15);

let passed = 0;
let failed = 0;
let rounded = 0;
let circular = 0;
for (const line of fs.readFileSync(process.argv[3], 'utf8').split('\n').filter(Boolean)) {
	const { schema, texts } = JSON.parse(line);
	delete schema.$schema; // recorded tools name draft 7; what they use means the same in both
	const ajv = new Ajv({ strict: false, validateFormats: false, multipleOfPrecision: 9, logger: false });
	let validate;
	try {
		validate = ajv.compile(schema);
	} catch (e) {
		if (!(e instanceof RangeError)) throw e;
		circular++; // a $ref to itself in a branch that nothing reaches: ajv follows it for ever
		continue;
	}
	for (const text of texts) {
		if (validate(JSON.parse(text))) {
			passed++;
		} else if (beyondDouble(text)) {
			rounded++;
		} else {
			failed++;
			console.log(`FAIL ${text}\n  under ${JSON.stringify(schema)}\n  ${ajv.errorsText(validate.errors)}`);
		}
	}
}
console.log(`${circular} schemas that ajv cannot compile`);
console.log(`${rounded} with numbers that a double cannot hold`);
console.log(`${passed} passed, ${failed} failed`);
