package console

// notBuilt is the page of a binary that has no console, by language.
var notBuilt = map[string]string{
	"en": `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bulkhead</title></head><body><main><h1>This build has no console</h1>
<p>The program was built with <code>go build</code> alone. <code>make build</code> builds the console first (it needs Node.js 18 or newer, which
<code>make setup</code> installs) and puts it into the program.</p>
<p>All else works: the API, the command line, and <a href="/account">your account</a>.</p></main></body></html>
`,
	"zh": `<!doctype html><html lang="zh"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bulkhead</title></head><body><main><h1>此构建不含控制台</h1>
<p>该程序仅由 <code>go build</code> 构建。<code>make build</code> 会先构建控制台（需要 Node.js 18 或更新版本，<code>make setup</code> 会安装）并将其嵌入程序。</p>
<p>其余功能均可使用：API、命令行以及<a href="/account">您的账户</a>。</p></main></body></html>
`,
}
