package drill

func bodyDrills() []Drill { return nil }
