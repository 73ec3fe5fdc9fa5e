// Judges a description of a bus with AsyncAPI's own parser: prints every fault, and exits with 1 if there is one.

'use strict';

const { Parser, fromFile } = require('@asyncapi/parser');

// 0 is an error and 1 a warning; what is less is only advice.
const WARNING = 1;

fromFile(new Parser(), process.argv[2])
  .parse()
  .then(({ document, diagnostics }) => {
    const faults = diagnostics.filter(({ severity }) => severity <= WARNING);
    for (const { path, message } of faults) {
      console.log(`${path.join('/')}: ${message}`);
    }
    process.exitCode = document && faults.length === 0 ? 0 : 1;
  });
