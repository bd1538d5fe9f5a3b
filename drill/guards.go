package drill

import "slices"

// guards are the drills of 8.1.c: nobody reaches the container engine without an identity, a right and a record.
func guards() []Drill {
	return slices.Concat(privilegeDrills(), namespaceDrills(), mountDrills(), bodyDrills(), pathDrills(),
		containerDrills(), leakDrills(), infoDrills(), imageDrills(), networkDrills(), volumeDrills(), pluginDrills(), swarmDrills(), buildKitDrills(), serviceDrills(), closedDrills(), builderDrills(), registryDrills())
}
