package route

func swarmRoutes() []Route {
	return []Route{
		get("/swarm", "SwarmInspect", Swarm, "tokens by which machines join"),
		get("/swarm/unlockkey", "SwarmUnlockKey", Swarm, "the key of the managers' data"),
		post("/swarm/init", "SwarmInit", Swarm, "a swarm of which others are managers").carries(JSON),
		post("/swarm/join", "SwarmJoin", Swarm, "the host, for the managers of another swarm").carries(JSON),
		post("/swarm/leave", "SwarmLeave", Swarm, "an outage").with("force:bool"),
		post("/swarm/update", "SwarmUpdate", Swarm, "other tokens, other CAs").
			with("version:int rotateWorkerToken:bool rotateManagerToken:bool rotateManagerUnlockKey:bool").carries(JSON),
		post("/swarm/unlock", "SwarmUnlock", Swarm, "a try of a key").carries(JSON),
		get("/nodes", "SwarmNodeList", SwarmNode, "names and addresses of nodes").with("filters:filters"),
		get("/nodes/{name}", "SwarmNodeInspect", SwarmNode, "address, labels, versions"),
		post("/nodes/{name}/update", "SwarmNodeUpdate", SwarmNode, "a manager more, or workloads that move").with("version:int").carries(JSON),
		del("/nodes/{name}", "SwarmNodeRemove", SwarmNode, "an outage").with("force:bool"),
	}
}

func serviceRoutes() []Route {
	const logs = "details:bool follow:bool stdout:bool stderr:bool since:text timestamps:bool tail:text"
	return []Route{
		get("/services", "ServiceList", Service, "specifications of services of others").with("filters:filters status:bool"),
		post("/services/create", "ServiceCreate", Service, "whatever the workload is given, on any node").carries(JSON).headers(registryAuth),
		get("/services/{name}", "ServiceInspect", Service, "environment, mounts, secrets in arguments").with("insertDefaults:bool"),
		get("/services/{name}/logs", "ServiceLogs", Service, "what its tasks wrote").with(logs),
		post("/services/{name}/update", "ServiceUpdate", Service, "whatever the workload is given, on any node").
			with("version:int registryAuthFrom:text rollback:text").carries(JSON).headers(registryAuth),
		del("/services/{name}", "ServiceRemove", Service, "an outage"),
		get("/tasks", "TaskList", Task, "specifications of tasks of others").with("filters:filters"),
		get("/tasks/{name}", "TaskInspect", Task, "environment, mounts, secrets in arguments"),
		get("/tasks/{name}/logs", "TaskLogs", Task, "what the task wrote").with(logs),
		get("/secrets", "SecretList", Secret, "names and labels of secrets").with("filters:filters").since("1.25"),
		post("/secrets/create", "SecretCreate", Secret, "a secret under any name").carries(JSON).since("1.25"),
		get("/secrets/{name}", "SecretInspect", Secret, "name and labels").since("1.25"),
		post("/secrets/{name}/update", "SecretUpdate", Secret, "other labels").with("version:int").carries(JSON).since("1.25"),
		del("/secrets/{name}", "SecretRemove", Secret, "an outage").since("1.25"),
		get("/configs", "ConfigList", Config, "contents of configurations of others").with("filters:filters").since("1.30"),
		post("/configs/create", "ConfigCreate", Config, "a configuration under any name").carries(JSON).since("1.30"),
		get("/configs/{name}", "ConfigInspect", Config, "its contents").since("1.30"),
		post("/configs/{name}/update", "ConfigUpdate", Config, "other labels").with("version:int").carries(JSON).since("1.30"),
		del("/configs/{name}", "ConfigRemove", Config, "an outage").since("1.30"),
	}
}
