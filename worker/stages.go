package worker

// stages is what happens to a task before its command runs, and, in reverse, after. The order is the contract.
func (w *Worker) stages() []Stage {
	return []Stage{
		w.taskLogStage(), // first up and last down: it hears everything
		w.payloadStage(),
		imageStage{images: w.images, limit: w.cfg.PrepareTimeout},
		cacheStage{caches: w.caches, engine: w.cfg.Engine, discard: w.cfg.Once, worker: w.facts},
		networkStage{engine: w.cfg.Engine, subnets: &w.subnets, worker: w.facts},
		servicesStage{engine: w.cfg.Engine, images: w.images, limit: w.cfg.PrepareTimeout, policy: w.policy(), worker: w.facts,
			logConfig: w.serviceLogConfig(), alive: w.gate.await, ping: w.gate.ping, keepsAlive: w.engine.LiveRestoreEnabled, probe: probeReady},
		sandboxStage{sandboxes: w.sandboxes, engine: w.cfg.Engine, worker: w.facts},
		containerStage{engine: w.cfg.Engine, worker: w.facts, logConfig: w.logConfig()},
		w.fileStage(),
		w.artifactStage(),
	}
}

func (w *Worker) taskLogStage() taskLogStage {
	t := w.cfg.Transfers
	return taskLogStage{dir: w.taskDir(), limit: w.cfg.MaxLogSize, outbox: w.cfg.Events, worker: w.facts,
		whole: wholeLog{client: t.Client, store: t.Store, limit: max(t.ArtifactTimeout, teardownBudget)}}
}

func (w *Worker) payloadStage() payloadStage {
	return payloadStage{policy: w.policy(), keys: w.cfg.Keys, worker: w.facts}
}
